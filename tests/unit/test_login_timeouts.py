"""How long the next login may take."""

import pytest

from entrypoint.sqlserver.connect import ConnectError
from entrypoint.sqlserver.connection_string import parse
from entrypoint.sqlserver.error_classes import TIMED_OUT, Kind, Verdict
from entrypoint.sqlserver.login_timeouts import LoginTimeouts


def patience(more: str = "") -> LoginTimeouts:
    """Return the patience with a connection string."""
    return LoginTimeouts(parse(f"Server=db;Database=Octopus;User ID=sa;Password=x;{more}"))


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("", [4, 8, 15, 15]),
        ("Connect Timeout=60", [4, 8, 16, 32, 60, 60]),
        ("Connect Timeout=2", [2, 2]),
        ("Connect Timeout=0", [4, 8, 16, 32, 64, 128]),
    ],
)
def test_longer_after_each_that_timed_out(more: str, expected: list[int]) -> None:
    """Each login that timed out makes the next one longer, up to what the connection string says."""
    patient = patience(more)
    found = []
    for _ in expected:
        found.append(patient.seconds())
        patient.failed(ConnectError(TIMED_OUT, ""))
    assert found == expected


def test_other_failures_change_nothing() -> None:
    """A refused login says nothing of how slow the server is."""
    patient = patience()
    patient.failed(ConnectError(Verdict(Kind.LOGIN_FAILED, "login failed", 18456), ""))
    assert patient.seconds() == 4


@pytest.mark.parametrize(("left", "expected"), [(2.9, 2), (0.3, 1), (-5, 1), (100, 4)])
def test_within_what_is_left(left: float, expected: int) -> None:
    """The wait's own end comes first; a driver counts whole seconds."""
    assert patience().seconds(left) == expected
