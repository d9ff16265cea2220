"""What a start does about a licence that nobody gave, and what it says of settings that it doesn't apply."""

import json
from pathlib import Path

import pytest
from node import Node
from standin.sqlserver.testing import SqlServer


KEY = {"MASTER_KEY": "6EdU6IWsCtMEwk0kPKflQQ=="}


def boot(node: Node) -> str:
    """Start the node, wait until it is up, stop it; return its log."""
    node.start().wait_phase("up")
    assert node.terminate() == 0, node.log
    return node.log


def verbs(node: Node, word: str) -> list[str]:
    """Return the verbs of the commands that had the argument `word`."""
    return [line["verb"] for line in node.journal() if line.get("event") == "start" and word in line["argv"]]


@pytest.mark.parametrize(
    ("version", "free", "tried", "said"),
    [
        ("2020.3.1", "known", 1, "got a free one"),
        ("2023.3.13026", "unknown", 1, "set OCTOPUS_SERVER_BASE64_LICENSE"),
        ("2026.2.197", "unknown", 0, "set OCTOPUS_SERVER_BASE64_LICENSE"),
    ],
)
def test_a_new_database_without_a_licence(
    tmp_path: Path, sql: SqlServer, version: str, free: str, tried: int, said: str
) -> None:
    """A free licence is tried on the ages that may have one; it never fails for that, and says what to do."""
    with Node(tmp_path, sql, version, **KEY, STANDIN_OCTOPUS_LICENSE_FREE=free) as node:
        log = boot(node)
        assert len(verbs(node, "--free")) == tried
        assert said in log


def test_an_upgrade_without_a_licence(tmp_path: Path, sql: SqlServer) -> None:
    """An upgrade that is refused for want of a licence names the variable for it (16)."""
    with Node(tmp_path / "old", sql, "2025.3.14357", **KEY) as old:
        boot(old)
    with Node(tmp_path / "new", sql, **KEY, STANDIN_OCTOPUS_LICENSE_REQUIRED="true") as new:
        assert new.start().wait() == 16
        assert "set OCTOPUS_SERVER_BASE64_LICENSE" in new.termination
        assert "FAIL" in new.termination


def test_not_applied(tmp_path: Path, sql: SqlServer) -> None:
    """A password for a user who is there, an export for a database that is there, a second drain: they are told."""
    password, export = "ADMIN_PASSWORD and ADMIN_API_KEY are not applied", "The export in /import is not imported"
    with Node(tmp_path / "one", sql, **KEY) as one:
        log = boot(one)
        assert password not in log
    with Node(tmp_path / "two", sql, **KEY, OCTOPUS_SERVER_NODE_NAME="octopus-1", ADMIN_PASSWORD="An0ther!") as two:
        (two.root / "import").mkdir()
        (two.root / "import/metadata.json").write_text(json.dumps({"Version": "2026.2.197"}))
        for _ in range(2):
            log = boot(two)
            assert password in log
            assert export in log
        two.environment |= {"OCTO_NODE_APPLY": "all", "OCTO_NODE_DRAIN_ON_STOP": "5"}
        two.start().wait_phase("up")
        beside = two.verb("drain", "--wait", "5").stderr
        assert two.terminate() == 0

        assert password not in two.log
        assert "if this is a preStop hook, leave the variable unset" in beside
        # the hook's own line, which the container's log has too; the stop's drain has none
        assert two.log.count("drain: OCTO_NODE_DRAIN_ON_STOP is set") == 1
