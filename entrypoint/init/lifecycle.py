"""The lifecycle of a node as one table of phase x event: pure, and total.

A stop goes through stages (`shutdown.py`): each is something that has to end before the next is asked to.
"""

from enum import Enum, auto

from entrypoint.base.exitcodes import ExitCode
from entrypoint.base.phases import Phase


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Set


class Event(Enum):
    """What happened."""

    PREFLIGHT_PASSED = auto()
    PREFLIGHT_FAILED = auto()
    PREPARED = auto()
    PREPARE_FAILED = auto()
    SERVER_STARTED = auto()
    SERVER_EXITED = auto()
    READY_TO_START = auto()  # prepared, and nothing else is waited for
    DOCKERD_EXITED = auto()
    DOCKERD_ANSWERED = auto()
    DOCKERD_OVERDUE = auto()  # it hasn't answered in time
    SETTLED = auto()
    SETTLE_REFUSED = auto()  # the database is of another version than this server
    SETTLE_FAILED = auto()
    DRAIN_ENDED = auto()
    STOP_ASKED = auto()
    STOP_ASKED_AGAIN = auto()
    STOP_INSISTED = auto()  # the third time
    DEADLINE_PASSED = auto()
    KILL_FAILED = auto()  # a process in uninterruptible sleep: only the container's end will end it
    STAGE_CLEARED = auto()
    NOBODY_LEFT = auto()


class Action(Enum):
    """What process 1 does about it."""

    NOTHING = auto()
    BEGIN = auto()  # dockerd and prepare
    SEE_IF_READY = auto()  # for the server to be started
    START_SERVER = auto()
    START_SETTLE = auto()
    RETRY_SETTLE = auto()
    RETRY_DOCKERD = auto()
    NEXT_STAGE = auto()
    SKIP_DRAIN = auto()
    KILL_STAGE = auto()
    KILL_ALL = auto()


_Cell = tuple[Phase, Action]
_E, _A = Event, Action


def _row(phase: Phase, cells: "Mapping[Event, _Cell]", *, ignored: "Set[Event]") -> "dict[tuple[Phase, Event], _Cell]":
    nothing = {(phase, event): (phase, Action.NOTHING) for event in ignored}
    return nothing | {(phase, event): cell for event, cell in cells.items()}


_PREFLIGHT_ENDS = {_E.PREFLIGHT_PASSED, _E.PREFLIGHT_FAILED}
_PREPARE_ENDS = {_E.PREPARED, _E.PREPARE_FAILED, _E.READY_TO_START}
_SETTLE_ENDS = {_E.SETTLED, _E.SETTLE_REFUSED, _E.SETTLE_FAILED}
_SERVER = {_E.SERVER_STARTED, _E.SERVER_EXITED}
_DOCKERD = {_E.DOCKERD_ANSWERED, _E.DOCKERD_OVERDUE}  # only the start of the server waits for it
_SHUTDOWN = {_E.DRAIN_ENDED, _E.DEADLINE_PASSED, _E.KILL_FAILED, _E.STAGE_CLEARED, _E.NOBODY_LEFT}
# whoever ends during a stop clears its stage, and that is the event that counts
_ENDS = _PREFLIGHT_ENDS | _PREPARE_ENDS | _SETTLE_ENDS | _SERVER | _DOCKERD | {_E.DOCKERD_EXITED, _E.DRAIN_ENDED}

_DOWN = (Phase.STOPPING, _A.NEXT_STAGE)
_FAIL = (Phase.FAILED, _A.NEXT_STAGE)
_KILL_ALL = (Phase.KILLING, _A.KILL_ALL)
_STOPS = {_E.STOP_ASKED: _DOWN, _E.STOP_ASKED_AGAIN: _DOWN, _E.STOP_INSISTED: _KILL_ALL}

TABLE = {
    **_row(
        Phase.PREFLIGHT,
        {_E.PREFLIGHT_PASSED: (Phase.PREPARING, _A.BEGIN), _E.PREFLIGHT_FAILED: _FAIL} | _STOPS,
        ignored=_PREPARE_ENDS | _SERVER | _SETTLE_ENDS | _SHUTDOWN | _DOCKERD | {_E.DOCKERD_EXITED},
    ),
    **_row(
        Phase.PREPARING,
        {
            _E.PREPARED: (Phase.PREPARING, _A.SEE_IF_READY),
            _E.DOCKERD_ANSWERED: (Phase.PREPARING, _A.SEE_IF_READY),
            _E.DOCKERD_OVERDUE: (Phase.PREPARING, _A.SEE_IF_READY),
            _E.READY_TO_START: (Phase.STARTING, _A.START_SERVER),
            _E.PREPARE_FAILED: _FAIL,
            _E.DOCKERD_EXITED: (Phase.PREPARING, _A.RETRY_DOCKERD),
        }
        | _STOPS,
        ignored=_PREFLIGHT_ENDS | _SERVER | _SETTLE_ENDS | _SHUTDOWN,
    ),
    **_row(
        Phase.STARTING,
        {
            _E.SERVER_STARTED: (Phase.STARTING, _A.START_SETTLE),
            _E.SERVER_EXITED: _DOWN,
            _E.SETTLED: (Phase.UP, _A.NOTHING),
            _E.SETTLE_REFUSED: _FAIL,
            _E.SETTLE_FAILED: (Phase.STARTING, _A.RETRY_SETTLE),
            _E.DOCKERD_EXITED: (Phase.STARTING, _A.RETRY_DOCKERD),
        }
        | _STOPS,
        ignored=_PREFLIGHT_ENDS | _PREPARE_ENDS | _SHUTDOWN | _DOCKERD,
    ),
    **_row(
        Phase.UP,
        {_E.SERVER_EXITED: _DOWN, _E.DOCKERD_EXITED: (Phase.UP, _A.RETRY_DOCKERD)} | _STOPS,
        ignored=_PREFLIGHT_ENDS | _PREPARE_ENDS | {_E.SERVER_STARTED} | _SETTLE_ENDS | _SHUTDOWN | _DOCKERD,
    ),
    **_row(
        Phase.STOPPING,
        {
            _E.STAGE_CLEARED: _DOWN,
            _E.NOBODY_LEFT: (Phase.STOPPED, _A.NOTHING),
            _E.DEADLINE_PASSED: (Phase.KILLING, _A.KILL_STAGE),
            _E.STOP_ASKED_AGAIN: (Phase.STOPPING, _A.SKIP_DRAIN),
            _E.STOP_INSISTED: _KILL_ALL,
        },
        ignored=_ENDS | {_E.STOP_ASKED, _E.KILL_FAILED},
    ),
    **_row(
        Phase.KILLING,
        {
            _E.STAGE_CLEARED: _DOWN,
            _E.KILL_FAILED: _DOWN,
            _E.NOBODY_LEFT: (Phase.STOPPED, _A.NOTHING),
            _E.STOP_INSISTED: _KILL_ALL,
        },
        ignored=_ENDS | {_E.STOP_ASKED, _E.STOP_ASKED_AGAIN, _E.DEADLINE_PASSED},
    ),
    **_row(
        Phase.FAILED,
        {
            _E.STAGE_CLEARED: _FAIL,
            _E.DEADLINE_PASSED: (Phase.FAILED, _A.KILL_STAGE),
            _E.KILL_FAILED: _FAIL,
            _E.STOP_INSISTED: (Phase.FAILED, _A.KILL_ALL),
        },
        ignored=_ENDS | {_E.STOP_ASKED, _E.STOP_ASKED_AGAIN, _E.NOBODY_LEFT},
    ),
    **_row(Phase.STOPPED, {}, ignored=set(Event)),
}


def step(phase: Phase, event: Event) -> _Cell:
    """Return the next phase and what to do, for `event` in `phase`."""
    return TABLE[phase, event]


# what it means that a child ended well, and otherwise
_ENDED = {
    "preflight": (_E.PREFLIGHT_PASSED, _E.PREFLIGHT_FAILED),
    "prepare": (_E.PREPARED, _E.PREPARE_FAILED),
    "settle": (_E.SETTLED, _E.SETTLE_FAILED),
    "drain": (_E.DRAIN_ENDED, _E.DRAIN_ENDED),
    "dockerd": (_E.DOCKERD_EXITED, _E.DOCKERD_EXITED),
    "await-dockerd": (_E.DOCKERD_ANSWERED, _E.DOCKERD_OVERDUE),
    "server": (_E.SERVER_EXITED, _E.SERVER_EXITED),
}


def ended(role: str, code: int) -> Event:
    """Return what it means that the child in `role` ended with `code`."""
    if role == "settle" and code == ExitCode.NEWER_DATABASE:
        return Event.SETTLE_REFUSED
    if role == "await-dockerd" and code == ExitCode.DOCKER_IN_DOCKER:
        return Event.DOCKERD_ANSWERED  # and starts no container, which is no reason not to start the server
    well, otherwise = _ENDED[role]
    return well if code == ExitCode.DONE else otherwise
