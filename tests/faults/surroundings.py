"""Rows: what a node may find around it: a clock that is stepped, few descriptors or processes, a stderr that is none.

Left out: little memory, and processes that can't be had while something is started (tests/process/test_exhausted.py
has them, phase by phase); of what lasts for a node's whole life, the phases before *up*; for the clock, all commands
but one.
"""

import fcntl
import os
import pty
import subprocess
from collections.abc import Callable
from pathlib import Path

from cgroups import group, inside

from .matrix import Fault, GoesOn, each
from .phases import DRAINING, HELD, LOCK, NODES, SQL, STARTING, STOPPING, UP, WHOLE_LIFE
from .rig import Rig


GROUP = "surroundings"
HOUR = 3600
LASTS = 2.0  # seconds
SHIM = Path(__file__).parent / "shim"


# --- the clock


def _own_clock(rig: Rig) -> None:
    rig.node.environment["FAULTS_CLOCK"] = str(rig.folder / "clock")
    rig.node.environment["PYTHONPATH"] = f"{SHIM}:{rig.node.environment['PYTHONPATH']}"


def _step(seconds: int) -> Callable[[Rig], None]:
    def strike(rig: Rig) -> None:
        draft = rig.folder / ".clock"
        draft.write_text(str(seconds))
        draft.replace(rig.folder / "clock")
        rig.last(LASTS)

    return strike


# --- limits


def _few_files(rig: Rig) -> None:
    rig.program = ("prlimit", "--nofile=64", *rig.program)


def _counted(rig: Rig) -> None:
    rig.pids = rig.unmounted.enter_context(group("pids"))
    rig.node.above = inside(rig.pids)


def _no_more(rig: Rig) -> None:
    (rig.pids / "pids.max").write_text((rig.pids / "pids.current").read_text())
    rig.last(LASTS)


def _as_many_as_wanted(rig: Rig) -> None:
    (rig.pids / "pids.max").write_text("max")


# --- stderr


def _closed(rig: Rig) -> None:
    rig.node.is_mute = True
    rig.program = ("sh", "-c", 'exec "$@" >&- 2>&-', "sh", *rig.program)


def _full(rig: Rig) -> None:
    read, write = os.pipe()
    os.write(write, bytes(fcntl.fcntl(write, fcntl.F_GETPIPE_SZ)))
    _talk_to(rig, write, read)
    rig.streams["stdout"] = subprocess.DEVNULL  # the server's own, who would wait for a reader


def _hung_up(rig: Rig) -> None:
    master, terminal = pty.openpty()
    os.close(master)
    _talk_to(rig, terminal)


def _without_reader(rig: Rig) -> None:
    read, write = os.pipe()
    os.close(read)
    _talk_to(rig, write)


def _talk_to(rig: Rig, *descriptors: int) -> None:
    """Have the node write to the first of these."""
    rig.node.is_mute = True
    rig.streams = {"stdout": descriptors[0], "stderr": descriptors[0]}
    for descriptor in descriptors:
        rig.unmounted.callback(os.close, descriptor)


_CLOCKED = (SQL, LOCK, NODES, "`database`", STARTING, UP, DRAINING, HELD, STOPPING)
FAULTS = (
    Fault("the clock jumps an hour ahead", GROUP, each(_CLOCKED, GoesOn()), _step(HOUR), _own_clock, quick=(NODES,)),
    Fault("the clock jumps an hour back", GROUP, each(_CLOCKED, GoesOn()), _step(-HOUR), _own_clock, quick=(DRAINING,)),
    Fault("64 descriptors", GROUP, each(WHOLE_LIFE, GoesOn()), prepare=_few_files, quick=(UP,)),
    Fault(
        "no process can be had",
        GROUP,
        each((STARTING, UP, HELD, STOPPING), GoesOn()),
        _no_more,
        _counted,
        _as_many_as_wanted,
    ),
    Fault("stdout and stderr are closed", GROUP, each(WHOLE_LIFE, GoesOn()), prepare=_closed),
    Fault("nobody reads stderr, and it is full", GROUP, each(WHOLE_LIFE, GoesOn()), prepare=_full, quick=(UP,)),
    Fault("stderr's reader is gone", GROUP, each(WHOLE_LIFE, GoesOn()), prepare=_without_reader),
    Fault("the terminal is hung up", GROUP, each(WHOLE_LIFE, GoesOn()), prepare=_hung_up, quick=(HELD,)),
)
