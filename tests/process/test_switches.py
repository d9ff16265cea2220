"""A node's life over the pairwise table of what isn't published of Octopus.Server.

A sample of the rows, every age among them, runs by default; OCTO_TEST_SWITCHES=all runs the whole table
(`scripts/soak switches`).
"""

import os
from pathlib import Path

import pairwise
import pytest
from pairwise import Row
from scenario import LICENCE, PATIENCE, Life
from standin.octopus import about
from standin.sqlserver.testing import SqlServer


ROWS = pairwise.rows() if os.environ.get("OCTO_TEST_SWITCHES") == "all" else pairwise.sample()


def life(folder: Path, sql: SqlServer, row: Row) -> Life:
    """Return the life of a node with the switches of a row."""
    switches = {name: value for name, value in row.items() if name not in {"age", "api", "ping", "licence"}}
    licence = LICENCE if row["licence"] == "given" else ""
    return Life(folder, sql, about.AGES[str(row["age"])], switches, pairwise.answers(row), licence)


@pytest.mark.timeout(4 * PATIENCE)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{pairwise.rows().index(row)}-{row['age']}")
def test_row(tmp_path: Path, sql: SqlServer, row: Row) -> None:
    """Boot, unchanged restart, new pod, drain, stop and upgrade, whichever way the server turns out."""
    with life(tmp_path, sql, row) as found:
        found.live()


def test_sample() -> None:
    """The sample has every age; the table has each two values of any two switches."""
    assert {row["age"] for row in pairwise.sample()} == set(about.AGES)
    values = [len(values) for values in pairwise.parameters().values()]
    both = (sum(values) ** 2 - sum(value**2 for value in values)) // 2
    assert len(pairwise.met(pairwise.rows())) == both
