"""A node's life with each age of Octopus.Server."""

from pathlib import Path

import pytest
from scenario import PATIENCE, Life
from standin.octopus import about
from standin.sqlserver.testing import SqlServer


# each age's build, and an earlier one of the same release
EARLIER = {
    "2020.3.1": "2020.3.0",
    "2022.4.8319": "2022.4.8221",
    "2023.3.13026": "2023.3.12331",
    "2025.3.14357": "2025.3.10568",
    "2026.2.197": "2026.2.150",
}


@pytest.mark.timeout(4 * PATIENCE)
@pytest.mark.parametrize("version", about.AGES.values())
def test_life(tmp_path: Path, sql: SqlServer, version: str) -> None:
    """Boot, unchanged restart, new pod, drain, stop and upgrade, with a server that refuses what its age refused."""
    with Life(tmp_path, sql, version) as found:
        found.live()


@pytest.mark.timeout(4 * PATIENCE)
@pytest.mark.parametrize("version", about.AGES.values())
def test_going_back(tmp_path: Path, sql: SqlServer, version: str) -> None:
    """A build may be replaced by an earlier one of its release: the upgrade scripts are the same (Issues 7790)."""
    with Life(tmp_path, sql, version) as found:
        found.boot()
        found.go_back(EARLIER[version])
