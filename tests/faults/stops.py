"""Rows: a stop, asked for once, twice and thrice, with each signal that asks for one.

Left out: nothing. In *draining* and *stopping* a stop has been asked for before, so there the row's first signal is the
second, and its second the third.
"""

import functools
import os
import signal
from collections.abc import Callable
from contextlib import suppress

from processes import wait_until

from .matrix import Ends, Fault, Outcome, each
from .phases import BOOTING, DRAINING, HELD, KILLED, LOCK, PREFLIGHT, STARTING, STOPPING, UP, VERBS
from .rig import Rig


GROUP = "a stop"
TAKEN = "the node is asked to stop"
CUTS_OFF = "The stop cuts off 1 task"


def _send(*numbers: int) -> Callable[[Rig], None]:
    """Return what sends these signals, each once the one before has been taken, as long as the node lives."""

    def strike(rig: Rig) -> None:
        pid = rig.node.wait_listening()
        taken = rig.node.log.count(TAKEN)
        for count, number in enumerate(numbers, taken + 1):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
            wait_until(functools.partial(_is_taken, rig, count), what="it is taken")

    return strike


def _is_taken(rig: Rig, count: int) -> bool:
    return rig.node.log.count(TAKEN) >= count or rig.is_over


def _outcomes(number: int, times: int) -> dict[str, Outcome]:
    asked = Ends(128 + number, said=f"Signal {signal.Signals(number).name.removeprefix('SIG')}: {TAKEN}")
    insisted = Ends(KILLED, 0, said="times=3")  # 0: the server had ended before the KILL
    with_server = Ends(0, said="Octopus.Server ended with exit code 0") if times < 3 else Ends(0, KILLED)
    return {
        **each((*BOOTING, HELD), asked),
        **each((STARTING, UP), with_server),
        DRAINING: Ends(0, said=CUTS_OFF) if times == 1 else insisted,
        STOPPING: Ends(KILLED, said="Octopus.Server didn't stop in time" if times == 1 else "times=3"),
    }


def _fault(name: str, *numbers: int, quick: tuple[str, ...] = ()) -> Fault:
    return Fault(name, GROUP, _outcomes(numbers[0], len(numbers)), _send(*numbers), quick=quick)


TERM, INT, QUIT = signal.SIGTERM, signal.SIGINT, signal.SIGQUIT
FAULTS = (
    _fault("TERM", TERM, quick=(LOCK, VERBS[2])),
    _fault("TERM twice", TERM, TERM, quick=(DRAINING,)),
    _fault("TERM thrice", TERM, TERM, TERM, quick=(UP,)),
    _fault("INT", INT, quick=(PREFLIGHT,)),
    _fault("QUIT", QUIT, quick=(HELD,)),
)
