"""How long a look at a node may take: its drain's deadline and the string's `Connect Timeout` say so."""

import math
import time
from typing import Any

import pyodbc
import pytest
import structlog
from readings import settings

from entrypoint.base.errors import NodeError
from entrypoint.node import nodes, settle
from entrypoint.node.drain_deadlines import CONCLUDE_SECONDS, LOOK_SECONDS, Deadlines
from entrypoint.node.task_counters import Database, UnknownError


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Give the time limit of each login; all of them time out at once."""
    limits: list[int] = []

    def connect(*_: object, timeout: int, **__: object) -> Any:  # noqa: ANN401 - none comes
        limits.append(timeout)
        raise pyodbc.OperationalError("HYT00", "[HYT00] [FreeTDS][SQL Server]Timeout expired (0) (SQLDriverConnect)")

    monkeypatch.setattr(pyodbc, "connect", connect)
    return limits


def string(more: str = "") -> dict[str, str]:
    """Return the variables of a node with a connection string."""
    return {
        "ACCEPT_EULA": "Y",
        "DB_CONNECTION_STRING": f"Server=127.0.0.1,1433;Database=Octopus;User ID=sa;Password=x{more}",
    }


@pytest.mark.parametrize(
    ("more", "expected"),
    [("", [5, 10, 15, 15]), (";Connect Timeout=60", [5, 10, 20, 40, 60]), (";Connect Timeout=2", [2])],
)
def test_a_drains_logins(asked: list[int], more: str, expected: list[int]) -> None:
    """A drain gives a slow login as long as the connection string does, 15 s without."""
    database = Database(settings(string(more)))
    for _ in expected:
        database.begin(time.monotonic() + 1000)
        with pytest.raises(UnknownError):
            database.tasks()
    assert asked == expected


def test_a_drains_login_at_its_end(asked: list[int]) -> None:
    """The drain's own end comes first."""
    database = Database(settings(string(";Connect Timeout=60")))
    database.begin(time.monotonic() + 3.5)
    with pytest.raises(UnknownError):
        database.tasks()
    assert asked == [3]


def test_other_logins(asked: list[int]) -> None:
    """So do `nodes`, and settle's look at the version."""
    found = settings(string(";Connect Timeout=60"))
    with pytest.raises(NodeError):
        nodes.show(found, as_json=True)
    settle._check_version(found, structlog.get_logger())  # noqa: SLF001 - it has no end of its own
    assert asked == [60, 60]


@pytest.mark.parametrize(
    ("wait", "cancel_wait", "now", "expected"),
    [
        (100, 0, 0, 60 + LOOK_SECONDS),  # a long login is possible
        (50, 0, 40, 50 + LOOK_SECONDS),  # it isn't begun anew at the deadline
        (5, 0, 15, 15 + LOOK_SECONDS),  # a command took longer than the deadline
        (5, 0, 25, 35 - CONCLUDE_SECONDS),
        (5, 60, 25, 25 + LOOK_SECONDS),  # time is left to cancel
        (5, 0, 60, 61),
    ],
)
def test_the_end_of_a_look(wait: float, cancel_wait: float, now: float, expected: float) -> None:
    """A look ends in time for what comes after it, and has 15 s at the deadline."""
    clock = [0.0]
    deadlines = Deadlines(wait, cancel_wait, 30.0, lambda: clock[0])
    clock[0] = now
    assert deadlines.end_of_look(60) == expected


def test_a_look_without_a_deadline() -> None:
    """Settle waits for ever, but not in one look."""
    assert Deadlines(math.inf, 0.0, 0.0, lambda: 0.0).end_of_look(15) == LOOK_SECONDS + 15
