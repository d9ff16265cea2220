"""One JSON line for the start and one for the end of each command, for tests that count and compare."""

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

from . import control


PR_GET_PDEATHSIG = 2


def write(event: str, argv: Sequence[str], code: int | None = None) -> None:
    """Append a line about this command to the journal, if there is one."""
    path = control.environment("JOURNAL")
    if not path:
        return
    line: dict[str, object] = {
        "event": event,
        "time": time.monotonic(),
        "unix": time.time(),
        "pid": os.getpid(),
        "verb": argv[0].lower() if argv else "",
        "argv": list(argv),
        "instance": _instance(argv),
        "exit": code,
    }
    if event == "start":
        line |= _found_at_start()
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.write(descriptor, json.dumps(line).encode() + b"\n")
    finally:
        os.close(descriptor)


def _instance(argv: Sequence[str]) -> str:
    """The instance a command names."""
    for word, following in zip(argv, [*argv[1:], ""], strict=True):
        name, separator, value = word.lstrip("-").partition("=")
        if word.startswith("-") and name.lower() == "instance":
            return value if separator else following
    return ""


def _found_at_start() -> dict[str, object]:
    """What the parent handed over: names in the environment, signals, stdin, the parent-death signal.

    Python itself ignores PIPE and XFSZ before this can look, so those two are always in SigIgn.
    """
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
    return {
        "ppid": os.getppid(),
        "pgid": os.getpgid(0),
        "environment": sorted(os.environ),
        **{name: status[name].strip() for name in ("SigBlk", "SigIgn", "SigCgt")},
        "stdin": _stdin(),
        "pdeathsig": _parent_death_signal(),
    }


def _stdin() -> str:
    """What stdin is, or nothing when it is closed."""
    try:
        return str(Path("/proc/self/fd/0").readlink())
    except OSError:
        return ""


def _parent_death_signal() -> int | None:
    """The signal the kernel sends when the parent ends."""
    import ctypes  # noqa: PLC0415 - only a journal needs it

    value = ctypes.c_int(0)
    done = ctypes.CDLL(None).prctl(PR_GET_PDEATHSIG, ctypes.byref(value), 0, 0, 0)
    return value.value if done == 0 else None
