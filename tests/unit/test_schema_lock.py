"""The guard's locks: many share them, one has them alone, and each knows in which mode it holds them."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
from processes import wait_until
from standin.sqlserver.testing import SqlServer

from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode
from entrypoint.prepare.schema.schema_lock import EXCLUSIVE, SHARED, SchemaLock
from entrypoint.prepare.schema.upgrade_notice import UpgradeNotice
from entrypoint.sqlserver import connection_string
from entrypoint.sqlserver.connection_string import ConnectionString
from entrypoint.sqlserver.wait import Ready
from entrypoint.structured_log import Logger, logger


DATABASE = "Octopus"
NEVER = 0.0  # a deadline that is over: a lock that isn't to be had is refused at once


@pytest.fixture
def where(octopus_sql: SqlServer) -> ConnectionString:
    """A database to guard."""
    found = octopus_sql.connection_string(DATABASE)
    octopus_sql.query("master", f"IF DB_ID('{DATABASE}') IS NULL CREATE DATABASE [{DATABASE}]")
    return connection_string.parse(found)


class Make:
    """Makes guards, and keeps what they say they wait for."""

    def __init__(self, where: ConnectionString, log: Logger) -> None:
        self.made: list[SchemaLock] = []
        self.told: list[str] = []
        self._where = where
        self._log = log

    def __call__(self, mode: str, deadline: float = NEVER) -> SchemaLock:
        """Return a guard that holds both locks. Raise NodeError (15) if it can't have them by `deadline`."""
        found = SchemaLock(self._where, self._log, mode)
        self.made.append(found)
        found.acquire_master(deadline, lambda text, _: self.told.append(text))
        found.acquire(deadline, lambda text, _: self.told.append(text))
        return found


@pytest.fixture
def make(where: ConnectionString) -> Iterator[Make]:
    """Make guards that are released at the end."""
    found = Make(where, logger("prepare", []))
    yield found
    for each in found.made:
        each.release()


def test_many_share_the_locks(make: Make) -> None:
    """Nodes that write settings hold the locks together, and each finds that it holds them."""
    for each in [make(SHARED), make(SHARED), make(SHARED)]:
        each.check()
    assert make.told == []


@pytest.mark.parametrize(
    ("held", "wanted", "said"),
    [
        (EXCLUSIVE, SHARED, "another node to finish upgrading the schema"),
        (EXCLUSIVE, EXCLUSIVE, "another node to finish upgrading the schema"),
        (SHARED, EXCLUSIVE, "other nodes to finish writing their settings"),
    ],
)
def test_who_is_in_the_way_is_told(make: Make, held: str, wanted: str, said: str) -> None:
    """A node that can't have the locks in time says what the others do that hold them (15)."""
    make(held)
    with pytest.raises(NodeError, match=f"still waiting for {said}") as caught:
        make(wanted)
    assert caught.value.code == ExitCode.OTHER_VERSION


def test_who_has_the_lock_is_named_where_that_may_be_seen(make: Make, octopus_sql: SqlServer) -> None:
    """The host of who holds the lock is named; a login that may not look at others' sessions waits without a name."""
    make(EXCLUSIVE)
    cause = "another node to finish upgrading the schema"
    with pytest.raises(NodeError, match=rf"{cause} \({socket.gethostname()}\):"):
        make(SHARED)
    octopus_sql.control(permissions={"VIEW SERVER STATE": 0})
    try:
        with pytest.raises(NodeError, match=f"{cause}:"):
            make(SHARED)
    finally:
        octopus_sql.control()


def test_an_exclusive_lock_is_had_once_the_last_has_gone(make: Make) -> None:
    """A node that changes the schema waits for all that write settings, says so, and then has the locks alone."""
    first, second = make(SHARED), make(SHARED)
    waiting = threading.Thread(target=make, args=(EXCLUSIVE, time.monotonic() + 60))
    waiting.start()
    wait_until(lambda: make.told, what="it says that it waits")
    assert make.told[0] == f"waiting for other nodes to finish writing their settings ({socket.gethostname()})"
    first.release()
    second.release()
    waiting.join(60)
    make.made[-1].check()
    with pytest.raises(NodeError):
        make(SHARED)


@pytest.mark.parametrize(
    ("mode", "said"), [(EXCLUSIVE, "the schema was being changed"), (SHARED, "settings were being written")]
)
def test_a_lock_that_is_gone_is_noticed(octopus_sql: SqlServer, make: Make, mode: str, said: str) -> None:
    """A guard that doesn't hold its locks any more says what may be lost with them (12)."""
    found = make(mode)
    octopus_sql.control(statement_errors=[{"match": "APPLOCK_MODE", "number": 10054, "message": "reset", "times": 1}])
    with pytest.raises(NodeError, match=said) as caught:
        found.check()
    assert caught.value.code == ExitCode.SQL_NOT_READY
    octopus_sql.control()


def test_a_word_is_heard_beside_shared_locks(make: Make, where: ConnectionString) -> None:
    """A node that has upgraded tells the next to hold the lock alone, and keeps nobody from writing settings."""
    ready = Ready(connection=None, database_exists=True, master_ok=True, connection_string=where)
    giver, hearer = UpgradeNotice(ready, "2026.2.197"), UpgradeNotice(ready, "2026.2.197")
    holder = make(EXCLUSIVE)
    giver.connect_early()
    giver.check_posted()
    giver.post()
    holder.release()
    giver.let_others_read()
    make(SHARED).check()
    hearer.connect_early()
    hearer.check_posted()
    assert hearer.is_posted
    giver.close()
    hearer.close()
