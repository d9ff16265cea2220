"""State files: how a process of octo-node tells the others where it is. Readers never talk to the writer.

Each is a JSON object in the run folder, written under a temporary name and renamed, with the writer's `pid`
and `start` (field 22 of /proc/PID/stat): a reader can tell whether the writer still lives.
"""

import errno
import os
import stat

from . import json_text, procfs, trusted_file


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

NODE, PREPARE, SETTLE, DRAIN = "node", "prepare", "settle", "drain"
PREFLIGHT = "preflight"  # what it warned of
ENGINE = "engine"  # why the engine of execution containers isn't ready
END = "end"  # why the node ended, by who knows
LAST, LAST_END = "last", "last-end"  # what NODE and END were of the start before this one
_ROOM = 4096  # bytes: more than a state file has
_NAMES = (NODE, PREPARE, SETTLE, DRAIN, PREFLIGHT, ENGINE, END)
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


def path(folder: str, name: str) -> str:
    """Return where state file `name` is in the run folder."""
    return f"{folder}/{name}.json"


def candidates(wanted: str) -> tuple[str, str]:
    """Return where the run folder may be: what is `wanted`, and its stand-in in /tmp."""
    return wanted.rstrip("/") or "/", _fallback()


def _fallback() -> str:
    return f"/tmp/octo-node-{os.getuid()}"  # noqa: S108 - only used if it is ours alone: see is_private


def is_private(folder: str) -> bool:
    """Return whether `folder` is a real folder in which nobody can put or change a file but this user and root."""
    try:
        status = os.lstat(folder)
    except OSError:
        return False
    is_closed = not status.st_mode & _OTHERS_MAY_WRITE
    return stat.S_ISDIR(status.st_mode) and trusted_file.is_trusted(status.st_uid) and is_closed


def is_refused(wanted: str) -> bool:
    """Return whether the run folder `wanted` isn't used because others could write to it, or own it."""
    wanted, _ = candidates(wanted)
    return os.path.lexists(wanted) and not is_private(wanted)


def make_folder(wanted: str) -> str | None:
    """Make the run folder `wanted`, or its stand-in in /tmp, empty it, and return its path; None if that fails."""
    for folder in candidates(wanted):
        try:
            _make(folder)
            if is_private(folder):
                _empty(folder)
                return folder
        except OSError:
            continue
    return None


def make_private(folder: str) -> None:
    """Make `folder` if it isn't there. Raise OSError if that can't be, or if it isn't this user's alone."""
    _make(folder)
    _refuse_if_open(folder)


def _refuse_if_open(folder: str) -> None:
    if not is_private(folder):
        if not os.path.lexists(folder):
            raise FileNotFoundError(errno.ENOENT, "the folder is gone", folder)
        raise PermissionError(errno.EPERM, "the folder isn't this user's alone", folder)


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
    for name, kept in ((NODE, LAST), (END, LAST_END)):
        remove(folder, kept)
        try:
            os.rename(path(folder, name), path(folder, kept))
        except FileNotFoundError:
            pass
    for entry in os.listdir(folder):
        # a writer that was killed may have left its temporary file
        if entry in {f"{name}.json" for name in _NAMES} or entry.startswith(tuple(f".{name}.json." for name in _NAMES)):
            os.unlink(f"{folder}/{entry}")


def open_lock(folder: str, name: str) -> int:
    """Open the lock file `name` in the run folder, made if it isn't there; return its descriptor. Raise OSError."""
    return trusted_file.open_plain(f"{folder}/{name}.lock", os.O_RDWR | os.O_CREAT)


def write(folder: str, name: str, state: "Mapping[str, object]") -> None:
    """Replace state file `name`. Raise OSError if it can't be written; the old one is then unchanged."""
    _refuse_if_open(folder)  # who may write to the folder above it may have put another in its place
    pid = os.getpid()
    text = json_text.dumps({"pid": pid, "start": procfs.start_time(pid)} | dict(state)) + "\n"
    trusted_file.replace(path(folder, name), text.encode("utf-8", "backslashreplace"))


def remove(folder: str, name: str) -> None:
    """Take state file `name` away, if it is there."""
    try:
        os.unlink(path(folder, name))
    except FileNotFoundError:
        pass
