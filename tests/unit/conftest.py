"""For the tests of the stand-in Octopus.Server: nodes that share a database of their test's own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from standin.octopus.testing import Node
from standin.sqlserver.testing import SqlServer


@pytest.fixture(scope="module")
def octopus_sql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlServer]:
    """One SQL Server for the module."""
    server = SqlServer.start(tmp_path_factory.mktemp("sql"), tls="off")
    yield server
    server.stop()


@pytest.fixture
def make(octopus_sql: SqlServer, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Node]]:
    """Make nodes that share a database of their test's own; they are stopped at its end."""
    nodes: list[Node] = []
    database = request.node.name.replace("[", "_").replace("]", "")

    def node(name: str = "octopus-0", version: str = "2026.2.197") -> Node:
        folder = tmp_path / f"{name}-{len(nodes)}"
        nodes.append(Node(folder, name, octopus_sql.connection_string(database), version))
        return nodes[-1]

    yield node
    for made in nodes:
        if made.process is not None:
            made.stop()
