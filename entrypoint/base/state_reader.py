"""Reads the state files that `statefile.py` writes."""

import os

from . import procfs, statefile, trusted_file


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_LIMIT = 1 << 16  # bytes that are read of one
# what readers count on where it is there
_TYPES = {"phase": str, "phases": dict, "booted": float, "doing": str, "steps": dict, "seconds": dict, "timeline": str}
_MEASURED = ("phases", "steps", "seconds")  # each by name, in seconds


def find_folder(wanted: str) -> str | None:
    """Return the folder that the running node writes its state to, `wanted` or its stand-in; None if there is none."""
    for folder in statefile.candidates(wanted):
        if statefile.is_private(folder) and os.path.exists(statefile.path(folder, statefile.NODE)):
            return folder
    return None


def read(folder: str | None, name: str) -> dict[str, object] | None:
    """Return state file `name`; None if there is none, if it can't be read, or if it can't be what we wrote."""
    if folder is None:
        return None
    import json  # noqa: PLC0415 - only readers need it: it would cost process 1 a megabyte

    try:
        state = json.loads(trusted_file.read(statefile.path(folder, name), _LIMIT))
    except (OSError, ValueError, RecursionError):
        return None
    return state if isinstance(state, dict) and _is_sound(state) else None


def _is_sound(state: "Mapping[str, object]") -> bool:
    """Return whether what readers compute with is of its type."""
    if not all(isinstance(state[name], kind) for name, kind in _TYPES.items() if name in state):
        return False
    measured = [value for name in _MEASURED if isinstance(found := state.get(name), dict) for value in found.values()]
    dockerd = state.get("dockerd")
    told = dockerd is None or (isinstance(dockerd, dict) and {"state", "restarts"} <= dockerd.keys())
    return told and all(isinstance(value, int | float) for value in measured)


def is_live(state: "Mapping[str, object]", pid: str = "pid", start: str = "start") -> bool:
    """Return whether the process that `state` names by `pid` and `start` still runs."""
    number, since = state.get(pid), state.get(start)
    return isinstance(number, int) and since is not None and procfs.start_time(number) == since
