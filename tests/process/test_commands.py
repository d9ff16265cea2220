"""Which commands of the server a start runs, with which options, and which nodes run them at once."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from node import DATABASE, Node, boot, commands
from processes import wait_until
from standin.sqlserver.testing import SqlServer


KEY = {"MASTER_KEY": "6EdU6IWsCtMEwk0kPKflQQ=="}
OLDEST = "2020.3.1"
SETTINGS = "SELECT JSON FROM dbo.Configuration WHERE Id = 'settings'"
LOCK = "EXEC sp_getapplock @Resource = 'octo-node:schema:octopusdeploy', @LockMode = ?, @LockOwner = 'Session'"


@pytest.fixture
def two(tmp_path: Path, sql: SqlServer) -> Iterator[tuple[Node, Node]]:
    """Two nodes of one database."""
    with (
        Node(tmp_path / "one", sql, **KEY) as one,
        Node(tmp_path / "two", sql, OCTOPUS_SERVER_NODE_NAME="octopus-1", **KEY) as other,
    ):
        yield one, other


def runs(node: Node, verb: str) -> list[list[str]]:
    """Return the arguments of each run of a verb."""
    return [line["argv"] for line in node.journal() if line.get("event") == "start" and line["verb"] == verb]


def can_log_in(sql: SqlServer) -> bool:
    """Return whether the login with a password is turned on."""
    [(text,)] = sql.query(DATABASE, SETTINGS)
    return bool(json.loads(text)["usernamepasswordisenabled"] == "True")


def test_login_with_a_password(two: tuple[Node, Node], sql: SqlServer) -> None:
    """A new database's administrator can log in; once an operator has turned that off, no start turns it on again."""
    one, other = two
    boot(one)
    assert can_log_in(sql)
    turned_off = json.dumps({"usernamepasswordisenabled": "False"})
    sql.query(DATABASE, "UPDATE dbo.Configuration SET JSON = ? WHERE Id = 'settings'", turned_off)

    assert boot(one) == []
    assert "configure" in boot(other)
    assert not can_log_in(sql)


def test_the_cache_is_the_node_s_own(two: tuple[Node, Node]) -> None:
    """Every node sets its own cache folder, the second one too; restarted, neither runs a command."""
    for node in two:
        boot(node)
        shown = [str(node.folder / "Octopus/Octopus.Server"), "show-configuration", "--instance=OctopusServer"]
        told = subprocess.run(shown, env=node.environment, capture_output=True, text=True, check=True).stdout
        assert str(node.root / "cache") in told
    assert [boot(node) for node in two] == [[], []]


def test_oldest_version(tmp_path: Path, sql: SqlServer) -> None:
    """The oldest supported server makes a new database, without the options that came later; a restart runs nothing."""
    with Node(tmp_path, sql, OLDEST, OCTOPUS_GRPC_SERVICES_PORT="9443") as node:
        (node.root / "masterKey").mkdir()
        boot(node)
        assert len((node.root / "masterKey/OctopusServer").read_text().strip()) == 24  # 16 bytes
        assert commands(node).count("path") == commands(node).count("configure") == 1
        for name in ("--eventExports", "--grpcListenPort"):
            assert f"of version {OLDEST} doesn't know {name}" in node.log

        assert boot(node) == []


def test_refused_option(tmp_path: Path, sql: SqlServer) -> None:
    """An option that the server unexpectedly doesn't know is left out once, with a warning; a restart runs nothing."""
    with Node(tmp_path, sql, STANDIN_OCTOPUS_UNKNOWN_OPTIONS='["eventExports", "usernamePasswordIsEnabled"]') as node:
        found = boot(node)
        assert [found.count(verb) for verb in ("configure", "path", "admin")] == [2, 2, 1]
        assert "warning prepare: `path` of version 2026.2.197 doesn't know --eventExports" in node.log

        assert boot(node) == []


@pytest.mark.parametrize(
    ("unknown", "extra", "said"),
    [
        ("webListenPrefixes", "", "--webListenPrefixes="),
        ("", "configure --nonsense=1", "correct OCTO_NODE_EXTRA_OPTIONS"),
    ],
    ids=["needed", "extra"],
)
def test_option_that_can_not_be_left_out(tmp_path: Path, sql: SqlServer, unknown: str, extra: str, said: str) -> None:
    """A refused option that the node needs, or that the operator gave, ends the start (16) and is named."""
    with Node(
        tmp_path, sql, STANDIN_OCTOPUS_UNKNOWN_OPTIONS=json.dumps([unknown]), OCTO_NODE_EXTRA_OPTIONS=extra
    ) as node:
        assert node.start().wait() == 16
        assert commands(node)[-1] == "configure"
        assert said in node.termination


def test_what_an_operator_changes(tmp_path: Path, sql: SqlServer) -> None:
    """Commands are skipped with a warning at each start, options added and shown, and a change of them is taken."""
    changes = {
        "OCTO_NODE_SKIP_COMMANDS": "path",
        "OCTO_NODE_EXTRA_OPTIONS": "configure --hstsEnabled=True --hstsMaxAge=60",
    }
    with Node(tmp_path, sql, **changes) as node:
        assert boot(node) == ["create-instance", "database", "configure", "admin"]
        assert {"--hstsEnabled=True", "--hstsMaxAge=60"} <= set(runs(node, "configure")[0])
        assert boot(node) == []
        assert "warning preflight: OCTO_NODE_SKIP_COMMANDS leaves out path" in node.log

        node.environment["OCTO_NODE_EXTRA_OPTIONS"] = "configure --hstsEnabled=False"
        node.start().wait_phase("up")
        assert runs(node, "configure")[-1][-1] == "--hstsEnabled=False"
        node.environment |= {"OCTO_NODE_SKIP_COMMANDS": "", "OCTO_NODE_EXTRA_OPTIONS": "node --taskCap=3"}
        assert "gives node --taskCap, which octo-node sets itself" in node.verb("check").stdout
        node.environment["OCTO_NODE_EXTRA_OPTIONS"] = "path --imports='/my imports'"
        shown = node.verb("check", "--commands").stdout
        assert "'--imports=/my imports'" in shown
        assert " path --instance=OctopusServer --nugetRepository=" in shown


def test_skipped_database(tmp_path: Path, sql: SqlServer) -> None:
    """Where the schema has to be made, `database` can't be left out (11): the server would do it without the lock."""
    with Node(tmp_path, sql, OCTO_NODE_SKIP_COMMANDS="database") as node:
        assert node.start().wait() == 11
        assert commands(node) == []
        assert "OCTO_NODE_SKIP_COMMANDS leaves out `database`" in node.termination


def test_settings_are_written_at_once(two: tuple[Node, Node], tmp_path: Path, sql: SqlServer) -> None:
    """Nodes of the schema's version write their settings at once, while one of a later version waits for them."""
    with Node(tmp_path / "first", sql, **KEY) as first:
        boot(first)
    for node in two:
        node.control(hang=["path"])
        node.start()
    wait_until(lambda: all(runs(node, "path") for node in two), what="both write")
    with Node(tmp_path / "new", sql, "2026.3.50", OCTOPUS_SERVER_NODE_NAME="octopus-2", **KEY) as new:
        new.start().wait_log("Waiting for other nodes to finish writing their settings")
        assert not runs(new, "database")
        for node in two:
            assert "Waiting for" not in node.log
            node.close()

        new.wait_phase("up")


def test_settings_wait_for_an_upgrade(two: tuple[Node, Node], sql: SqlServer) -> None:
    """A node that would write settings waits for one that changes the schema, says so, and goes on after it."""
    one, other = two
    boot(one)
    with closing(sql.connect(database="master")) as upgrade:
        upgrade.execute(LOCK, "Exclusive")
        other.start().wait_log("Waiting for another node to finish upgrading the schema (")
        assert "waiting for another node to finish upgrading the schema" in other.verb("probe", "startup").stdout
        assert commands(other) == ["create-instance", "database"]
    other.wait_phase("up")
    assert "The schema's lock is released. mode=shared" in other.log
    assert "mode=exclusive" not in other.log
