"""Ends what a rootless engine that was killed left running: its shims and containers live on in its user namespace."""

import os
import signal
import time

from entrypoint.base import procfs


_SECONDS = 5.0  # for the end of those that were killed
_PAUSE = 0.02


def kill(parent: int, seconds: float = _SECONDS) -> int:
    """Kill the children of process `parent`, the node's process 1, in other user namespaces, and their descendants.

    They are its children because whoever started them is dead; a deployment's own process in a namespace of its own
    descends from Octopus.Server. Return how many there were, once they have ended, or after `seconds`.
    """
    found = _left(parent)
    deadline = time.monotonic() + seconds
    left = found
    while left and time.monotonic() < deadline:
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue  # it has ended, or isn't ours
        time.sleep(_PAUSE)
        left = _left(parent)
    return len(found)


def _left(parent: int) -> list[int]:
    parents = {pid: int(fields[1]) for pid in _processes() if (fields := procfs.stat_fields(pid)) and fields[0] != "Z"}
    own = _namespace("self")
    found = [pid for pid, above in parents.items() if above == parent and _namespace(str(pid)) not in {own, None}]
    for pid in found:  # which grows meanwhile
        found += [each for each, above in parents.items() if above == pid]
    return found


def _processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]


def _namespace(pid: str) -> str | None:
    try:
        return os.readlink(f"/proc/{pid}/ns/user")
    except OSError:
        return None
