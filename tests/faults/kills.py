"""Rows: KILL for each process of a node, and for all of them at once.

Left out: the phases in which the process doesn't run, or isn't started again because of a stop; of the commands, all
but three (`phases.SOME_COMMANDS`) for what isn't prepare.
"""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from processes import wait_until
from standin.dockerd.install import install

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


def _with_dockerd(rig: Rig) -> None:
    """Have the node start the stand-in for dockerd, below a root with a short path, because a socket's has to be."""
    if os.getuid() != 0:
        pytest.skip("only root has what dockerd needs")
    root = rig.node.root = Path(tempfile.mkdtemp(prefix="octo-"))
    rig.unmounted.callback(shutil.rmtree, root, ignore_errors=True)
    install(rig.folder / "bin")
    rig.node.environment |= {
        "DISABLE_DIND": "",
        "OCTO_NODE_ROOT": str(root),
        "STANDIN_OCTOPUS_ROOT": str(root),
        "PATH": f"{rig.folder}/bin:{rig.node.environment['PATH']}",
        "STANDIN_DOCKERD_JOURNAL": str(rig.folder / "dockerd-journal"),
        "STANDIN_DOCKERD_CONTROL": str(rig.folder / "dockerd-control"),
    }


def _dockerd(rig: Rig) -> None:
    wait_until(lambda: (rig.node.state().get("dockerd") or {}).get("state") == "ready", what="dockerd is ready")
    rig.kill(rig.named("dockerd"))
    rig.node.wait_log("dockerd exited unexpectedly")


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
        "dockerd",
        GROUP,
        {phase: GoesOn() for phase in ANY if phase not in {PREFLIGHT, DRAINING, phases.STOPPING}},
        _dockerd,
        prepare=_with_dockerd,
        quick=(phases.HELD,),
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
        quick=(UP,),
    ),
)
