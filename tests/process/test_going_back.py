"""Another build of the database's release: a node goes back, or forward again, when the others have stopped.

When the server notes its version isn't published, so each of these holds whenever it does (`history` of the stand-in).
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from node import DATABASE, Node
from standin.octopus import integrity, migrations
from standin.sqlserver.testing import SqlServer


LOW, HIGH = "2026.2.197", "2026.2.210"


class Fleet:
    """Three nodes on one database, in the build that was asked for last."""

    def __init__(self, stack: ExitStack, folder: Path, sql: SqlServer, **environ: str) -> None:
        self.sql = sql
        self._stack = stack
        self._folder = folder
        self._environ = {"MASTER_KEY": "6EdU6IWsCtMEwk0kPKflQQ==", "STANDIN_OCTOPUS_SCHEMA_PER": "release"} | environ
        self._made = 0

    def node(self, number: int, version: str, **environ: str) -> Node:
        """Return a new container of a node, not yet started."""
        self._made += 1
        name = {"OCTOPUS_SERVER_NODE_NAME": f"octopus-{number}"}
        folder = self._folder / f"{self._made}-{version}"
        return self._stack.enter_context(Node(folder, self.sql, version, **self._environ, **name, **environ))

    def up(self, version: str, count: int = 3) -> list[Node]:
        """Start so many new containers of a version, all at once, and return them when all are up."""
        found = [self.node(number, version).start() for number in range(count)]
        for node in found:
            node.wait_phase("up")
        return found

    def integrity(self) -> list[str]:
        """Return the signs that two migrations met, or that a server ran on a schema of another version."""
        with self.sql.connect(database=DATABASE) as connection:
            return integrity(connection)

    def migrations(self) -> int:
        """Return how often the schema was made or changed."""
        with self.sql.connect(database=DATABASE) as connection:
            return migrations(connection)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """What ends with the test."""
    with ExitStack() as found:
        yield found


def stop(some: list[Node]) -> None:
    """Stop nodes in order."""
    for node in some:
        assert node.terminate() == 0, node.log


def commands(node: Node) -> list[str]:
    """Return the configure commands that were begun, in order."""
    begun = [line["verb"] for line in node.journal() if line.get("event") == "start"]
    return [verb for verb in begun if verb not in {"version", "run"}]


def note(sql: SqlServer, *noted: tuple[str, str]) -> None:
    """Have the database tell that these versions ran on these nodes, one after the other."""
    for node, version in noted:
        sql.query(
            DATABASE,
            "INSERT INTO dbo.OctopusServerInstallationHistory (Id, Node, Version, Installed, JSON) "
            "VALUES (?, ?, ?, SYSDATETIMEOFFSET(), '{}')",
            f"OctopusServerInstallationHistory-{node}-{version}_{len(noted)}",
            node,
            version,
        )


@pytest.mark.parametrize("history", ["once", "each"])
def test_together(stack: ExitStack, tmp_path: Path, sql: SqlServer, history: str) -> None:
    """Nodes that go back together don't wait for each other; an unchanged restart runs nothing; so is it forward."""
    fleet = Fleet(stack, tmp_path, sql, STANDIN_OCTOPUS_HISTORY=history)
    stop(fleet.up(LOW, count=1))
    note(sql, ("octopus-1", LOW), ("octopus-2", LOW), ("octopus-0", HIGH), ("octopus-1", HIGH), ("octopus-2", HIGH))
    back = fleet.up(LOW)
    assert any("Going back within a release is allowed" in node.log for node in back)
    assert not any("other nodes still run" in node.log for node in back)
    back[0].forget_journal()
    stop(back[:1])
    back[0].start().wait_phase("up")
    assert commands(back[0]) == []
    stop(back)
    stop(fleet.up(HIGH, count=2))

    assert fleet.migrations() == 1
    assert fleet.integrity() == []


@pytest.mark.parametrize("history", ["once", "changed"])
def test_one_after_the_other(stack: ExitStack, tmp_path: Path, sql: SqlServer, history: str) -> None:
    """A node that comes when another one has gone back already doesn't wait for that to stop, as its build doesn't."""
    fleet = Fleet(stack, tmp_path, sql, STANDIN_OCTOPUS_HISTORY=history, OCTO_NODE_UPGRADE_WAIT="90")
    stop(fleet.up(LOW, count=1))
    note(sql, ("octopus-1", LOW), ("octopus-0", HIGH), ("octopus-1", HIGH))
    fleet.up(LOW, count=1)
    second = fleet.node(1, LOW).start()
    second.wait_phase("up")

    unsure = "doesn't say whether octopus-0 run this build" in second.log
    assert unsure == (history == "once")
    assert fleet.integrity() == []


def test_waits_for_the_other_build(stack: ExitStack, tmp_path: Path, sql: SqlServer) -> None:
    """A node of another build of the release waits until those that run have stopped: back, and forward again."""
    fleet = Fleet(stack, tmp_path, sql, STANDIN_OCTOPUS_HISTORY="changed")
    running = fleet.up(HIGH, count=1)[0]
    for number, version in ((1, LOW), (0, HIGH)):
        new = fleet.node(number, version).start()
        new.wait_log(f"other nodes still run on it: octopus-{1 - number}. Stop them")
        assert commands(new) == []
        stop([running])
        new.wait_phase("up")
        running = new

    assert fleet.migrations() == 1
    assert fleet.integrity() == []


def test_a_mark_tells_the_build(stack: ExitStack, tmp_path: Path, sql: SqlServer) -> None:
    """A node that ran this build once, and runs another one now, is waited for: the mark in a shared folder tells."""
    fleet = Fleet(stack, tmp_path, sql, OCTO_NODE_UPGRADE_WAIT="60")
    note_both = (("octopus-0", LOW), ("octopus-1", LOW), ("octopus-0", HIGH), ("octopus-1", HIGH))
    shared = tmp_path / "shared"
    shared.mkdir()

    def sharing(number: int, version: str) -> Node:
        node = fleet.node(number, version)
        folder = node.root / "repository"
        if folder.is_dir():
            folder.rmdir()
        folder.symlink_to(shared)
        return node

    running = sharing(0, HIGH).start()
    running.wait_phase("up")
    note(sql, *note_both)
    back = sharing(1, LOW).start()
    back.wait_log("other nodes still run on it: octopus-0. Stop them", 20)
    assert "doesn't say whether" not in back.log
    stop([running])
    back.wait_phase("up")


def test_gives_up_waiting(stack: ExitStack, tmp_path: Path, sql: SqlServer) -> None:
    """A node that waited in vain for one of a newer build ends (15), and has changed nothing."""
    fleet = Fleet(stack, tmp_path, sql)
    fleet.up(HIGH, count=1)
    low = fleet.node(1, LOW, OCTO_NODE_UPGRADE_WAIT="1")

    assert low.start().wait() == 15
    assert "octopus-0" in low.termination
    assert commands(low) == []


def test_the_server_refuses(stack: ExitStack, tmp_path: Path, sql: SqlServer) -> None:
    """A newer build that changed the schema: the server's own refusal is passed on (14), with what to do."""
    fleet = Fleet(stack, tmp_path, sql, STANDIN_OCTOPUS_SCHEMA_PER="version")
    stop(fleet.up(HIGH, count=1))
    low = fleet.node(0, LOW)

    assert low.start().wait() == 14
    assert "start that version or a later one, or restore a backup" in low.termination
    assert "Extra upgrade script" in low.termination


def test_the_running_server_refuses(stack: ExitStack, tmp_path: Path, sql: SqlServer) -> None:
    """A server that refuses the schema only when it runs ends with its own code, and the message has the hint."""
    fleet = Fleet(stack, tmp_path, sql)
    text = (
        "Octopus.Shared.ControlledFailureException: Unexpected upgrade history detected. You probably need to upgrade "
        "to a later version of Octopus Server. Extra upgrade script(s) found: Script0321DeleteQueuedTasks"
    )
    node = fleet.node(0, LOW)
    node.control(fail={"run": {"code": 1, "text": text}})
    log = node.root / "home/octopus/.octopus/OctopusServer/Server/Logs/OctopusServer.txt"
    log.parent.mkdir(parents=True)
    log.write_text("\n".join([text, *["   at Octopus.Upgraders.SchemaVersionsValidator.Check()" * 3] * 30]))

    assert node.start().wait() == 1
    assert "start that version or a later one, or restore a backup" in node.termination
