"""What most tests of whole processes begin with."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from node import Node
from standin.sqlserver.testing import SqlServer


@pytest.fixture
def sql(tmp_path: Path) -> Iterator[SqlServer]:
    """A SQL Server with no database but its own."""
    with SqlServer.start(tmp_path / "sql", tls="off") as server:
        yield server


@pytest.fixture
def node(tmp_path: Path, sql: SqlServer) -> Iterator[Node]:
    """A node that is up."""
    with Node(tmp_path, sql, STANDIN_OCTOPUS_POLL="0.2") as found:
        found.start().wait_phase("up")
        yield found
