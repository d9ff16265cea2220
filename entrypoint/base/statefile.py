"""State files: how a process of octo-node tells the others where it is. Readers never talk to the writer.

Each is a JSON object in the run folder, written under a temporary name and renamed, with the writer's `pid`
and `start` (field 22 of /proc/PID/stat): a reader can tell whether the writer still lives.
"""

import errno
import os
import stat

from . import json_text, trusted_file


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

NODE, PREPARE, SETTLE, DRAIN = "node", "prepare", "settle", "drain"
_ROOM = 4096  # bytes: more than a state file has
_LIMIT = 1 << 16  # bytes that are read of one
_NAMES = (NODE, PREPARE, SETTLE, DRAIN)
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
# what readers count on where it is there
_TYPES = {"phase": str, "phases": dict, "booted": float, "doing": str, "steps": dict, "seconds": dict, "timeline": str}
_MEASURED = ("phases", "steps", "seconds")  # each by name, in seconds


def _path(folder: str, name: str) -> str:
    return f"{folder}/{name}.json"


def _plain(folder: str) -> str:
    return folder.rstrip("/") or "/"


def _fallback() -> str:
    return f"/tmp/octo-node-{os.getuid()}"  # noqa: S108 - only used if it is ours alone: see _is_private


def _is_private(folder: str) -> bool:
    """Return whether `folder` is a real folder in which nobody can put or change a file but this user and root."""
    try:
        status = os.lstat(folder)
    except OSError:
        return False
    is_closed = not status.st_mode & _OTHERS_MAY_WRITE
    return stat.S_ISDIR(status.st_mode) and trusted_file.is_trusted(status.st_uid) and is_closed


def is_refused(wanted: str) -> bool:
    """Return whether the run folder `wanted` isn't used because others could write to it, or own it."""
    wanted = _plain(wanted)
    return os.path.lexists(wanted) and not _is_private(wanted)


def make_folder(wanted: str) -> str | None:
    """Make the run folder `wanted`, or its stand-in in /tmp, empty it, and return its path; None if that fails."""
    for folder in (_plain(wanted), _fallback()):
        try:
            _make(folder)
            if _is_private(folder):
                _empty(folder)
                return folder
        except OSError:
            continue
    return None


def _make(folder: str) -> None:
    """Make `folder`, for this user alone, and what is missing above it, whatever the umask."""
    missing = []
    while folder and not os.path.lexists(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    for path in reversed(missing):
        os.mkdir(path, 0o700)
        os.chmod(path, 0o700 if path == missing[0] else 0o755)


def _empty(folder: str) -> None:
    probe = f"{folder}/.writable.{os.urandom(8).hex()}"
    number = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(number, bytes(_ROOM))  # an empty file fits on a full disk
    finally:
        os.close(number)
        os.unlink(probe)
    for entry in os.listdir(folder):
        # a writer that was killed may have left its temporary file
        if entry in {f"{name}.json" for name in _NAMES} or entry.startswith(tuple(f".{name}.json." for name in _NAMES)):
            os.unlink(f"{folder}/{entry}")


def find_folder(wanted: str) -> str | None:
    """Return the folder that the running node writes its state to, `wanted` or its stand-in; None if there is none."""
    for folder in (_plain(wanted), _fallback()):
        if _is_private(folder) and os.path.exists(_path(folder, NODE)):
            return folder
    return None


def open_lock(folder: str, name: str) -> int:
    """Open the lock file `name` in the run folder, made if it isn't there; return its descriptor. Raise OSError."""
    return trusted_file.open_plain(f"{folder}/{name}.lock", os.O_RDWR | os.O_CREAT)


def stat_fields(pid: int) -> list[str] | None:
    """Return the fields of /proc/PID/stat from the third on (state, parent, ...); None if there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return None


def name_of(pid: int) -> str:
    """Return the name of process `pid`, at most 15 characters; empty if there is no such process."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def start_time(pid: int) -> int | None:
    """Return when process `pid` was started, in clock ticks since boot; None if there is none, or only a zombie."""
    fields = stat_fields(pid)
    if fields is None or fields[0] in {"Z", "X"}:
        return None
    return int(fields[19])  # field 22 of proc(5)


def write(folder: str, name: str, state: "Mapping[str, object]") -> None:
    """Replace state file `name`. Raise OSError if it can't be written; the old one then still stands."""
    if not _is_private(folder):  # who may write to the folder above it may have put another in its place
        raise PermissionError(errno.EPERM, "the folder isn't this user's alone", folder)
    pid = os.getpid()
    text = json_text.dumps({"pid": pid, "start": start_time(pid)} | dict(state)) + "\n"
    trusted_file.replace(_path(folder, name), text.encode("utf-8", "backslashreplace"))


def remove(folder: str, name: str) -> None:
    """Take state file `name` away, if it is there."""
    try:
        os.unlink(_path(folder, name))
    except FileNotFoundError:
        pass


def read(folder: str | None, name: str) -> dict[str, object] | None:
    """Return state file `name`; None if there is none, if it can't be read, or if it can't be what we wrote."""
    if folder is None:
        return None
    import json  # noqa: PLC0415 - only readers need it: it would cost process 1 a megabyte

    try:
        state = json.loads(trusted_file.read(_path(folder, name), _LIMIT))
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
    return isinstance(number, int) and since is not None and start_time(number) == since
