"""A misspelt or lost database doesn't become a new, empty Octopus on the files of an earlier one."""

from pathlib import Path

import pytest
from node import DATABASE, Node
from processes import wait_until
from standin.sqlserver.testing import SqlServer


KEY = {"MASTER_KEY": "6EdU6IWsCtMEwk0kPKflQQ=="}


def leave(node: Node, *paths: str) -> None:
    """Have files of an earlier installation in the node's folders."""
    for path in paths:
        file = node.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")


def commands(node: Node) -> list[str]:
    """Return the configure commands that were begun, in order."""
    begun = [line["verb"] for line in node.journal() if line.get("event") == "start"]
    return [verb for verb in begun if verb not in {"version", "run"}]


@pytest.mark.parametrize("there", ["none", "empty", "none, with an import"])
def test_a_misspelt_database(tmp_path: Path, sql: SqlServer, there: str) -> None:
    """Files in the shared folders and a database without Octopus's schema: refused (11), with both and the way out."""
    if there == "empty":
        sql.query("master", f"CREATE DATABASE [{DATABASE}]")
    with Node(tmp_path, sql, **KEY) as node:
        leave(node, "taskLogs/2026/servertask-1.txt", "artifacts/a/b.zip")
        if "import" in there:
            leave(node, "import/metadata.json")

        assert node.start().wait() == 11
        for word in (DATABASE, "/taskLogs has 2026/servertask-1.txt", "/artifacts has a/b.zip", "Database="):
            assert word in node.termination
        assert "OCTO_NODE_NEW_DATABASE=Y" in node.termination
        assert commands(node) == []


def test_a_new_database_that_is_meant(tmp_path: Path, sql: SqlServer) -> None:
    """Who says that a new database is meant gets one, and is told at each later start that it is still said."""
    with Node(tmp_path, sql, **KEY, OCTO_NODE_NEW_DATABASE="Y") as node:
        leave(node, "repository/feeds-builtin/a.1.0.0.nupkg")
        node.start().wait_phase("up")
        reminder = "OCTO_NODE_NEW_DATABASE=Y is still set"
        assert node.terminate() == 0
        assert reminder not in node.log
        node.start().wait_phase("up")
        assert reminder in node.log, "who left it set has turned the guard off"
        assert reminder in node.verb("check").stdout


def test_a_container_that_was_cut_off_goes_on(tmp_path: Path, sql: SqlServer) -> None:
    """Who had begun to make the database makes it, whatever came into the folders since; later it counts as lost."""
    with Node(tmp_path, sql, **KEY) as node:
        node.control(hang=["database"])
        node.start()
        wait_until(lambda: "database" in commands(node), what="it makes the database")
        node.close()
        node.control()
        leave(node, "taskLogs/servertask-1.txt")
        node.start().wait_phase("up")
        assert node.terminate() == 0
        sql.query("master", f"DROP DATABASE [{DATABASE}]")

        assert node.start().wait() == 11
        assert "servertask-1.txt" in node.termination


def test_nodes_of_a_first_start(tmp_path: Path, sql: SqlServer) -> None:
    """Nodes that wait while another makes the database aren't refused for the files that this one writes meanwhile."""
    shared = tmp_path / "shared"
    names = ("artifacts", "taskLogs", "repository", "eventExports")
    some = [Node(tmp_path / f"{i}", sql, **KEY, OCTOPUS_SERVER_NODE_NAME=f"octopus-{i}") for i in range(3)]
    for node in some:
        for name in names:
            (shared / name).mkdir(parents=True, exist_ok=True)
            (node.root / name).symlink_to(shared / name)
        node.control(startup={"database": 1.0})
        node.start()
    try:
        wait_until(lambda: any("--create" in str(node.journal()) for node in some), what="one makes the database")
        (shared / "taskLogs/servertask-1.txt").write_text("x")
        for node in some:
            node.wait_phase("up")
    finally:
        for node in some:
            node.close()
