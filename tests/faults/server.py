"""Rows: what Octopus.Server may do once it is started.

Left out: the phases in which it doesn't run, and in *stopping* whatever it answers, because nobody asks it then.
"""

import os
import signal
from collections.abc import Callable

from . import network
from .matrix import Ends, Fault, GoesOn, Outcome, each
from .phases import DRAINING, KILLED, STARTING, STOPPING, UP
from .rig import Rig


GROUP = "Octopus.Server"
ASKED = (STARTING, UP, DRAINING)
LASTS = 3.0  # seconds
ANSWERS: dict[str, dict[str, object]] = {
    "answers late": {"wait": 4},
    "answers garbage": {"body": "garbage"},
    "answers with endless headers": {"body": "headers"},
    "answers with an endless body": {"body": "endless"},
    "answers a byte a second": {"body": "trickle"},
    "redirects to a login": {"status": 302, "headers": {"Location": "/app#/users/sign-in"}},
    "answers 503": {"status": 503},
    "answers 429": {"status": 429, "retry_after": 2},
}
# a server that answers nothing for half a minute, while SQL Server does, can't be drained
_SILENT: dict[str, Outcome] = {DRAINING: Ends(21, said="has answered nothing for")}
NO_HTTP = dict.fromkeys(("answers garbage", "answers with endless headers"), _SILENT)


def _answer(how: dict[str, object]) -> Callable[[Rig], None]:
    def strike(rig: Rig) -> None:
        # a ping that says 200 says that the node isn't drained, whatever comes after it
        path = "api" if rig.phase == DRAINING and how.get("body") in {"endless", "trickle"} else "all"
        rig.node.control(answers={"path": path, **how})
        rig.last(LASTS)
        if rig.phase == DRAINING:
            rig.gate.touch()

    return strike


def _ignore_term(rig: Rig) -> None:
    if rig.phase == DRAINING:
        rig.gate.touch()
    else:
        rig.node.send()


def _signal(number: int) -> Callable[[Rig], None]:
    def strike(rig: Rig) -> None:
        os.kill(rig.node.server(), number)

    return strike


def _end(rig: Rig) -> None:
    rig.node.control(run_exit=0)


def _close_port(rig: Rig) -> None:
    network.reset(rig.node.port)
    rig.last(LASTS)


def _open_port(_: Rig) -> None:
    network.forget()


FAULTS = (
    Fault(
        "ignores TERM",
        GROUP,
        each(ASKED, Ends(KILLED, said="Octopus.Server didn't stop in time")),
        _ignore_term,
        environ={"STANDIN_OCTOPUS_IGNORE_TERM": "true", "OCTO_NODE_STOP_TIMEOUT": "2"},
        quick=(DRAINING,),
    ),
    Fault(
        "ends early with 0",
        GROUP,
        {
            **each((STARTING, UP), Ends(0, said="Octopus.Server ended by itself with exit code 0")),
            DRAINING: Ends(0, 21, said="Octopus.Server ended with exit code 0"),
        },
        _end,
        quick=(STARTING,),
    ),
    Fault(
        "ends by SEGV",
        GROUP,
        {
            **each((STARTING, UP), Ends(139, said="Octopus.Server ended by itself with exit code 139")),
            **each((DRAINING, STOPPING), Ends(139, said="Octopus.Server ended with exit code 139")),
        },
        _signal(signal.SIGSEGV),
    ),
    Fault(
        "is suspended",
        GROUP,
        {UP: GoesOn(), DRAINING: GoesOn(), STOPPING: GoesOn()},
        _signal(signal.SIGSTOP),
        heal=_signal(signal.SIGCONT),
    ),
    Fault("closes its port", GROUP, each(ASKED, GoesOn()), _close_port, heal=_open_port, needs_network=True),
    *(
        Fault(
            name,
            GROUP,
            {**each(ASKED, GoesOn()), **NO_HTTP.get(name, {})},
            _answer(how),
            quick=(ASKED[index % 3],) if index % 2 == 0 else (),
        )
        for index, (name, how) in enumerate(ANSWERS.items())
    ),
)
