"""Rows: what SQL Server may do, each tried with both ODBC drivers.

Left out: *preflight*, which doesn't ask it; of the commands, all but one that changes the schema, one that writes
settings and the last (`phases.SOME_COMMANDS`): between any two of them the same lock is held and looked at.
"""

import signal
from collections.abc import Callable

from . import network, phases
from .matrix import Ends, Fault, GoesOn, Outcome, each
from .phases import DRAINING, HELD, LOCK, NODES, SQL, STARTING, STOPPING, UP
from .rig import Rig


GROUP = "SQL Server"
COMMANDS = phases.SOME_COMMANDS
LIVING = (STARTING, UP, DRAINING, HELD, STOPPING)
LASTS = 4.0  # seconds
LOST = "The connection to SQL Server was lost"


def _outcomes(waits: str, *, living: tuple[str, ...] = LIVING) -> dict[str, Outcome]:
    """Return what comes of a server that is away: `waits` is said while it is waited for."""
    return {
        SQL: GoesOn(waits),
        **each((LOCK, NODES), GoesOn(LOST)),
        **each(COMMANDS, Ends(12, said=LOST)),
        **each(living, GoesOn()),
    }


def _is_served(rig: Rig) -> None:
    """Have it served normally again."""
    rig.sql.control()
    if rig.sql.process is None:
        rig.sql.launch()


def _run_anew(rig: Rig) -> None:
    """Start it, or start it again: else sessions that there are go on."""
    rig.sql.restart()


def _lasts(rig: Rig, phase: tuple[str, ...] = LIVING) -> None:
    if rig.phase in phase:
        rig.last(LASTS)


def _refuse(rig: Rig) -> None:
    rig.sql.kill()
    _lasts(rig)


def _misbehave(**keys: object) -> Callable[[Rig], None]:
    def strike(rig: Rig) -> None:
        rig.sql.control(**keys)
        _run_anew(rig)
        _lasts(rig)

    return strike


def _get_slow(rig: Rig) -> None:
    """Answer slowly from now on; the sessions that there are go on."""
    rig.sql.control(login_delay=1, statement_delay=[{"match": ".", "seconds": 0.2}])
    if rig.sql.process is None:
        rig.sql.launch()
    _lasts(rig)


def _freeze(rig: Rig) -> None:
    if rig.sql.process is None:
        rig.sql.control(hang="prelogin")
        rig.sql.launch()
        rig.sql.control()
    assert rig.sql.process is not None
    rig.sql.process.send_signal(signal.SIGSTOP)
    _lasts(rig)


def _thaw(rig: Rig) -> None:
    assert rig.sql.process is not None
    rig.sql.process.send_signal(signal.SIGCONT)


def _cut(how: Callable[[int], None]) -> Callable[[Rig], None]:
    def strike(rig: Rig) -> None:
        how(rig.sql.port)
        if rig.sql.process is None:
            rig.sql.launch()
        _lasts(rig)

    return strike


def _full(rig: Rig) -> None:
    rig.sql.control(
        statement_errors=[
            {"match": r"\b(INSERT|UPDATE|CREATE|ALTER)\b", "number": 1105, "message": "Could not allocate space."}
        ]
    )
    if rig.sql.process is None:
        rig.sql.launch()
    if rig.phase in COMMANDS:
        rig.gate.touch()
    if rig.phase == NODES:
        rig.kept.close()  # then the upgrade begins
    _lasts(rig)


def _fault(
    name: str,
    outcomes: dict[str, Outcome],
    strike: Callable[[Rig], object],
    heal: Callable[[Rig], object] = _is_served,
    *,
    in_network: bool = False,
    quick: tuple[str, ...] = (),
) -> Fault:
    return Fault(name, GROUP, outcomes, strike, heal=heal, of_database=True, needs_network=in_network, quick=quick)


_AGAIN = {
    SQL: GoesOn(),
    **each((LOCK, NODES), GoesOn(LOST)),
    **each(COMMANDS, Ends(12, said=LOST)),
    **each(LIVING, GoesOn()),
}
_PASSWORD = {
    **each((SQL, LOCK, NODES), Ends(13, said="refused the login")),
    **each(COMMANDS, Ends(12, said=LOST)),
    **each(LIVING, GoesOn()),
}
_NO_ROOM = {
    **each((SQL, NODES), Ends(16, said="Could not allocate space")),
    **each(COMMANDS, Ends(16, said="Could not allocate space")),
    **each(LIVING, GoesOn()),
}

FAULTS = (
    _fault("refuses", _outcomes("refused"), _refuse, quick=(LOCK,)),
    _fault("accepts and is silent", _outcomes("timed out"), _misbehave(hang="prelogin"), quick=(SQL,)),
    _fault("is silent after PRELOGIN", _outcomes("timed out"), _misbehave(hang="tls"), quick=(NODES,)),
    _fault("is silent after the login", _outcomes("timed out"), _misbehave(hang="statement")),
    _fault("is silent in mid-query", _outcomes("timed out"), _misbehave(manner={"statement": "half"})),
    _fault("is frozen", _outcomes("timed out"), _freeze, _thaw, quick=(COMMANDS[0],)),
    _fault("is a black hole", _outcomes("timed out"), _cut(network.drop), lambda _: network.forget(), in_network=True),
    _fault(
        "resets connections", _outcomes("refused"), _cut(network.reset), lambda _: network.forget(), in_network=True
    ),
    _fault("sends a byte a second", _outcomes("timed out"), _misbehave(manner={"prelogin": "trickle"})),
    _fault("is slow", {SQL: GoesOn(), **each((*COMMANDS, *LIVING), GoesOn())}, _get_slow),
    _fault("is restarted", _AGAIN, _run_anew, quick=(UP,)),
    _fault(
        "has another password",
        _PASSWORD,
        _misbehave(login_error={"number": 18456, "message": "Login failed for user 'sa'."}),
    ),
    _fault("has a full disk", _NO_ROOM, _full, quick=(COMMANDS[0],)),
)
