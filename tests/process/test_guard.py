"""Many nodes on one database: one migrates, nobody mixes versions, and everybody gets up.

The stand-in's own protection (its upgrade lock, its look for other nodes) is off where only the guard is to be seen.
"""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from node import DATABASE, Node
from processes import wait_until
from standin.octopus import integrity, migrations
from standin.sqlserver.testing import SqlServer


OLD, NEW = "2026.1.50", "2026.2.197"
KEY = {"MASTER_KEY": "6EdU6IWsCtMEwk0kPKflQQ=="}
UNPROTECTED = {"STANDIN_OCTOPUS_NO_UPGRADE_LOCK": "true", "STANDIN_OCTOPUS_NO_NODE_CHECK": "true"}
NODES = int(os.environ.get("OCTO_TEST_NODES", "8"))
PATIENCE = 60 + 10 * NODES  # seconds until all are up, with others at work on the machine


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """What ends with the test."""
    with ExitStack() as found:
        yield found


def nodes(stack: ExitStack, folder: Path, sql: SqlServer, count: int, version: str, **environ: str) -> list[Node]:
    """Return that many nodes of a version, not yet started."""
    return [
        stack.enter_context(
            Node(
                folder / f"{version}-{i}",
                sql,
                version,
                OCTOPUS_SERVER_NODE_NAME=f"octopus-{i}",
                **KEY,
                **UNPROTECTED,
                **environ,
            )
        )
        for i in range(count)
    ]


def begun(some: list[Node], word: str) -> int:
    """Return how many commands with the argument `word` were begun on the nodes."""
    return sum(line.get("event") == "start" and word in line["argv"] for node in some for line in node.journal())


def up(some: list[Node]) -> None:
    """Start the nodes at once and wait until all are up."""
    for node in some:
        node.start()
    for node in some:
        node.wait_phase("up", seconds=PATIENCE)


def whole(sql: SqlServer) -> list[str]:
    """Return the signs that two migrations met, or that versions were mixed."""
    with sql.connect(database=DATABASE) as connection:
        return integrity(connection)


def migrated(sql: SqlServer) -> int:
    """Return how often the schema was made or changed."""
    with sql.connect(database=DATABASE) as connection:
        return migrations(connection)


def note_newer_version(sql: SqlServer) -> None:
    """Have the database tell that another node's newer server has run."""
    sql.query(
        DATABASE,
        "INSERT INTO dbo.OctopusServerInstallationHistory (Id, Node, Version, Installed, JSON) "
        "VALUES ('x', 'other', ?, SYSDATETIMEOFFSET(), '{}')",
        NEW,
    )


def old_database(stack: ExitStack, folder: Path, sql: SqlServer) -> None:
    """Make a database of the old version, with no node alive on it."""
    node = nodes(stack, folder / "first", sql, 1, OLD)[0]
    up([node])
    assert node.terminate() == 0


@pytest.mark.timeout(2 * PATIENCE)
@pytest.mark.parametrize("count", sorted({2, 8, NODES}))
def test_new_database(stack: ExitStack, tmp_path: Path, sql: SqlServer, count: int) -> None:
    """Nodes that start together on a database that doesn't exist: one makes it, all get up, no command fails."""
    some = nodes(stack, tmp_path, sql, count, NEW, STANDIN_OCTOPUS_MIGRATION="1")
    up(some)

    assert begun(some, "--create") == 1
    assert migrated(sql) == 1
    assert begun(some, "admin") == 1
    assert whole(sql) == []


def test_older_database(stack: ExitStack, tmp_path: Path, sql: SqlServer) -> None:
    """Nodes that start together on a database of an older version: one upgrades it, all get up."""
    old_database(stack, tmp_path, sql)
    some = nodes(stack, tmp_path, sql, 8, NEW, STANDIN_OCTOPUS_MIGRATION="1")
    up(some)

    assert migrated(sql) == 2
    assert whole(sql) == []
    assert any("Waiting for another node to finish upgrading" in node.log for node in some)


def test_killed_in_mid_upgrade(stack: ExitStack, tmp_path: Path, sql: SqlServer) -> None:
    """When the node that upgrades is killed, another goes on at once, and the rest follow."""
    old_database(stack, tmp_path, sql)
    some = nodes(stack, tmp_path, sql, 3, NEW, STANDIN_OCTOPUS_MIGRATION="3")
    for node in some:
        node.start()
    first = wait_until(lambda: next((n for n in some if begun([n], "--upgrade")), None), what="somebody upgrades")
    first.close()
    for node in some:
        if node is not first:
            node.wait_phase("up")

    assert begun(some, "--upgrade") >= 2
    assert whole(sql) == []


def test_sql_restarts_during_the_wait(stack: ExitStack, tmp_path: Path, sql: SqlServer) -> None:
    """SQL Server may restart while nodes wait for others to stop: they go on waiting, then upgrade."""
    olds = nodes(stack, tmp_path, sql, 1, OLD)
    up(olds)
    new = nodes(stack, tmp_path, sql, 2, NEW)[1]
    new.start().wait_log("other nodes still run on it: octopus-0")
    sql.restart()
    wait_until(lambda: olds[0].verb("probe", "readiness").returncode == 0, what="the old node is back")
    assert olds[0].terminate() == 0

    new.wait_phase("up")
    assert whole(sql) == []


def test_sql_restarts_during_the_wait_for_the_lock(stack: ExitStack, tmp_path: Path, sql: SqlServer) -> None:
    """SQL Server may restart while a node waits for one that upgrades: that one ends (12), and this one upgrades."""
    old_database(stack, tmp_path, sql)
    first, second = nodes(stack, tmp_path, sql, 2, NEW, STANDIN_OCTOPUS_MIGRATION="5")
    first.start()
    wait_until(lambda: begun([first], "--upgrade"), what="it upgrades")
    second.start().wait_log("Waiting for another node to finish upgrading the schema (")
    sql.restart()

    assert first.wait() == 12
    second.wait_phase("up")
    assert begun([second], "--upgrade") >= 1
    assert migrated(sql) == 3  # the first one's was undone
    assert whole(sql) == []


def test_sql_restarts_during_the_upgrade(stack: ExitStack, tmp_path: Path, sql: SqlServer) -> None:
    """SQL Server lost during the upgrade ends the command, then the node; its next start upgrades."""
    old_database(stack, tmp_path, sql)
    node = nodes(stack, tmp_path, sql, 1, NEW, STANDIN_OCTOPUS_MIGRATION="3")[0]
    node.start()
    wait_until(lambda: begun([node], "--upgrade"), what="it upgrades")
    sql.restart()

    assert node.wait() == 12
    up([node])
    assert whole(sql) == []


def test_lock_lost_during_the_upgrade(stack: ExitStack, tmp_path: Path, sql: SqlServer) -> None:
    """A lock that is lost while the upgrade runs ends the command first, then the node (12)."""
    old_database(stack, tmp_path, sql)
    node = nodes(stack, tmp_path, sql, 1, NEW)[0]
    node.control(hang=["database"])
    node.start()
    wait_until(lambda: begun([node], "database"), what="a command runs under the lock")
    sql.control(statement_errors=[{"match": "APPLOCK_MODE", "number": 10054, "message": "reset", "times": None}])

    assert node.wait() == 12
    assert "SQL Server was lost while the schema was being changed" in node.termination


def test_lock_lost_between_two_commands(stack: ExitStack, tmp_path: Path, sql: SqlServer) -> None:
    """A lock that is lost while a short command runs is noticed before the next one: that isn't begun."""
    old_database(stack, tmp_path, sql)
    node = nodes(stack, tmp_path, sql, 1, NEW)[0]
    node.control(startup={"database": 2})
    node.start()
    wait_until(lambda: begun([node], "database"), what="the first command under the lock")
    sql.control(statement_errors=[{"match": "APPLOCK_MODE", "number": 10054, "message": "reset", "times": None}])

    assert node.wait() == 12
    assert begun([node], "--upgrade") == 0


def test_tables_that_a_migration_has_locked(stack: ExitStack, tmp_path: Path, sql: SqlServer) -> None:
    """A node that can't look because of another one's migration waits for the lock, as all others do."""
    old_database(stack, tmp_path, sql)
    first, second = nodes(stack, tmp_path, sql, 2, NEW, STANDIN_OCTOPUS_MIGRATION="4")
    first.start()
    wait_until(lambda: begun([first], "--upgrade"), what="it upgrades")
    locked = {
        "match": "SELECT name FROM sys.tables",
        "number": 1222,
        "message": "Lock request time out period exceeded.",
        "times": 1,
    }
    sql.control(statement_errors=[locked])
    second.start().wait_log("Waiting for another node to finish upgrading the schema (")
    assert "waiting for another node to finish upgrading the schema" in second.verb("probe", "startup").stdout
    for node in (first, second):
        node.wait_phase("up")

    assert "was lost" not in second.log
    assert migrated(sql) == 2
    assert whole(sql) == []


def test_waits_for_older_nodes(stack: ExitStack, tmp_path: Path, sql: SqlServer) -> None:
    """A newer node waits for all older ones, names them, and goes on when the last has stopped."""
    olds = nodes(stack, tmp_path, sql, 2, OLD)
    up(olds)
    new = nodes(stack, tmp_path, sql, 3, NEW)[2]
    new.start().wait_log("other nodes still run on it: octopus-0, octopus-1")
    assert "waiting for nodes of another version to stop (octopus-0, octopus-1)" in new.state("prepare")["doing"]
    assert "waiting for nodes of another version" in new.verb("probe", "startup").stdout
    assert olds[0].terminate() == 0
    new.wait_log("other nodes still run on it: octopus-1.")
    assert begun([new], "database") == 0
    assert olds[1].terminate() == 0

    new.wait_phase("up")
    assert whole(sql) == []


def test_gives_up_waiting(stack: ExitStack, tmp_path: Path, sql: SqlServer) -> None:
    """A newer node that waited in vain says for whom (15), and has changed nothing."""
    olds = nodes(stack, tmp_path, sql, 1, OLD)
    up(olds)
    new = nodes(stack, tmp_path, sql, 2, NEW, OCTO_NODE_UPGRADE_WAIT="2")[1]

    assert new.start().wait() == 15
    assert "octopus-0" in new.termination
    assert begun([new], "database") == 0


def test_refused_by_the_server(stack: ExitStack, tmp_path: Path, sql: SqlServer) -> None:
    """Where the tables don't tell who is alive, the server's own refusal is waited out."""
    bare = {"STANDIN_OCTOPUS_NO_NODE_CHECK": "", "STANDIN_OCTOPUS_SCHEMA": "status"}
    olds = nodes(stack, tmp_path, sql, 1, OLD)
    up(olds)
    new = nodes(stack, tmp_path, sql, 2, NEW)[1]
    new.environment |= bare
    new.control(
        fail={"database": {"code": 1, "text": " - FAIL: There are other Octopus Server nodes running: x.", "times": 2}}
    )
    assert olds[0].terminate() == 0

    new.start().wait_phase("up")
    assert new.log.count("refuses the upgrade because of other nodes") == 2


def test_older_server(stack: ExitStack, tmp_path: Path, sql: SqlServer) -> None:
    """A server older than the database is refused (14), and runs no command that writes."""
    up(nodes(stack, tmp_path, sql, 1, NEW))
    old = nodes(stack, tmp_path, sql, 2, OLD)[1]

    assert old.start().wait() == 14
    assert NEW in old.termination
    assert [line["verb"] for line in old.journal() if line.get("event") == "start"] == ["version"]


def test_without_rights_on_master(stack: ExitStack, tmp_path: Path) -> None:
    """A login that may not open master works, as long as the database is there; one node upgrades."""
    login = ["sa:Passw0rd!", "octopus:Passw0rd!:nomaster"]
    with SqlServer.start(tmp_path / "sql", tls="off", login=login) as sql:
        old_database(stack, tmp_path, sql)
        some = nodes(stack, tmp_path, sql, 3, NEW, STANDIN_OCTOPUS_MIGRATION="1")
        for node in some:
            node.environment["DB_CONNECTION_STRING"] = sql.connection_string(DATABASE, user="octopus")
        up(some)

        assert whole(sql) == []


def test_database_in_recovery(stack: ExitStack, tmp_path: Path, sql: SqlServer) -> None:
    """A database in recovery is waited for, not made anew."""
    node = nodes(stack, tmp_path, sql, 1, NEW)[0]
    up([node])
    node.terminate()
    sql.control(databases={DATABASE: "recovering"})
    node.start().wait_log("recovering")
    sql.control()

    node.wait_phase("up")
    assert begun([node], "--create") == 1


def test_database_appears(stack: ExitStack, tmp_path: Path) -> None:
    """A database that somebody else makes while a login without master waits for it is used."""
    login = ["sa:Passw0rd!", "octopus:Passw0rd!:nomaster"]
    with SqlServer.start(tmp_path / "sql", tls="off", login=login) as sql:
        node = nodes(stack, tmp_path, sql, 1, NEW)[0]
        node.environment["DB_CONNECTION_STRING"] = sql.connection_string(DATABASE, user="octopus")
        node.start().wait_log("SQL Server isn't ready yet")
        sql.query("master", f"CREATE DATABASE [{DATABASE}]")

        node.wait_phase("up")


def test_own_clock_is_off(stack: ExitStack, tmp_path: Path, sql: SqlServer) -> None:
    """Who is alive is judged by the database's clock: a node row ten minutes old is dead, whatever our clock says."""
    old_database(stack, tmp_path, sql)
    sql.query(
        DATABASE,
        "UPDATE dbo.OctopusServerNodeStatus SET IsOffline = 0, LastSeen = DATEADD(minute, -10, SYSDATETIMEOFFSET())",
    )
    up(nodes(stack, tmp_path, sql, 2, NEW)[1:])

    assert whole(sql) == []


@pytest.mark.parametrize("seconds", [-600, 600], ids=["slow", "fast"])
def test_clock_of_another_node_is_off(stack: ExitStack, tmp_path: Path, sql: SqlServer, seconds: int) -> None:
    """A node whose clock is ten minutes off is alive as long as it gives signs of life, whatever time they tell."""
    olds = nodes(stack, tmp_path, sql, 1, OLD, STANDIN_OCTOPUS_CLOCK=str(seconds))
    up(olds)
    new = nodes(stack, tmp_path, sql, 2, NEW)[1]
    new.start().wait_log("other nodes still run on it: octopus-0.")
    assert begun([new], "database") == 0
    assert olds[0].terminate() == 0

    new.wait_phase("up")
    assert whole(sql) == []


def test_migrated_while_starting(stack: ExitStack, tmp_path: Path, sql: SqlServer) -> None:
    """A node that passed the guard, and finds a newer database when its server starts, stops that (14)."""
    node = nodes(stack, tmp_path, sql, 1, OLD, TASK_CAP="3")[0]
    node.control(startup={"node": 2, "run": 30})
    node.start()
    wait_until(lambda: begun([node], "node"), what="it is past the guard")
    note_newer_version(sql)

    assert node.wait() == 14
    assert "Octopus.Server is started" in node.log
    assert NEW in node.termination


def test_migrated_after_the_start(stack: ExitStack, tmp_path: Path, sql: SqlServer) -> None:
    """A newer version that the database tells only once our server has been started is seen as well (14)."""
    node = nodes(stack, tmp_path, sql, 1, OLD)[0]
    node.control(ready_after=5)
    node.start().wait_log("Octopus.Server is started")
    time.sleep(2)  # settle has looked
    note_newer_version(sql)

    assert node.wait() == 14
    assert NEW in node.termination


def test_killed_and_started_under_its_own_name(stack: ExitStack, tmp_path: Path, sql: SqlServer) -> None:
    """A node that was killed doesn't wait for itself, a newer version of it included."""
    node = nodes(stack, tmp_path, sql, 1, OLD)[0]
    up([node])
    node.close()
    new = nodes(stack, tmp_path, sql, 1, NEW)
    up(new)

    assert "other nodes still run" not in new[0].log
    assert whole(sql) == []
