"""Rows: KILL for each process of a node, and for all of them at once.

Left out: the phases in which the process doesn't run; of the commands, all but three (`phases.SOME_COMMANDS`) for what
isn't prepare.
"""

from . import phases
from .matrix import Ends, Fault, GoesOn, each
from .phases import DRAINING, KILLED, PREFLIGHT, PREPARING, STARTING, STOPPING, UP
from .rig import Rig


GROUP = "KILL"
ANY = phases.ANY


def _everything(rig: Rig) -> None:
    rig.was_killed = True
    rig.node.close()


def _server(rig: Rig) -> None:
    rig.kill(rig.node.server())


def _serve_http(rig: Rig) -> None:
    before = rig.named("octo-node-http")
    rig.kill(before)
    rig.node.wait_log("serve-http ended and is started again")


def _ended_by_itself(code: int) -> Ends:
    return Ends(code, said=f"Octopus.Server ended by itself with exit code {code}")


FAULTS = (
    Fault(
        "preflight",
        GROUP,
        {PREFLIGHT: Ends(KILLED, said="preflight was ended by signal KILL")},
        lambda rig: rig.kill(rig.child("preflight")),
        quick=(PREFLIGHT,),
    ),
    Fault(
        "prepare",
        GROUP,
        each(PREPARING, Ends(KILLED, said="prepare was ended by signal KILL")),
        lambda rig: rig.kill(rig.child("prepare")),
        quick=(phases.VERBS[2],),
    ),
    Fault(
        "settle",
        GROUP,
        {STARTING: GoesOn("settle exited unexpectedly")},
        lambda rig: rig.kill(rig.child("settle")),
        quick=(STARTING,),
    ),
    Fault(
        "drain",
        GROUP,
        {DRAINING: Ends(KILLED, said="The stop cuts off")},
        lambda rig: rig.kill(rig.child("drain")),
        quick=(DRAINING,),
    ),
    Fault(
        "the server",
        GROUP,
        {
            **each((STARTING, UP), _ended_by_itself(KILLED)),
            **each((DRAINING, STOPPING), Ends(KILLED, said=f"Octopus.Server ended with exit code {KILLED}")),
        },
        _server,
        quick=(UP,),
    ),
    Fault(
        "the health endpoint",
        GROUP,
        {phase: GoesOn() for phase in ANY if phase not in {DRAINING, phases.STOPPING}},
        _serve_http,
        prepare=Rig.serve_http,
        quick=(phases.LOCK,),
    ),
    Fault(
        "everything",
        GROUP,
        {phase: GoesOn(codes=(0, KILLED, phases.TERMINATED)) for phase in ANY},
        _everything,
        finish=phases.restarted,
        quick=(phases.VERBS[2], UP),
    ),
)
