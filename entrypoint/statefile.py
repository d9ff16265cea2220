"""State files: how a process of octo-node tells the others where it is. Readers never talk to the writer.

Each is a JSON object in the run folder, written under a temporary name and renamed, with the writer's `pid`
and `start` (field 22 of /proc/PID/stat): a reader can tell whether the writer still lives.
"""

import os
import stat

from . import jsontext, variables


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

NODE, PREPARE, SETTLE, DRAIN = "node", "prepare", "settle", "drain"
_ROOM = 4096  # bytes: more than a state file has
_NAMES = (NODE, PREPARE, SETTLE, DRAIN)


def _path(folder: str, name: str) -> str:
    return f"{folder}/{name}.json"


def _fallback() -> str:
    return f"/tmp/octo-node-{os.getuid()}"  # noqa: S108 - only used if it is ours alone: see _is_ours


def _is_ours(folder: str) -> bool:
    """Return whether `folder` is a real folder that belongs to this user and to nobody else."""
    try:
        status = os.lstat(folder)
    except OSError:
        return False
    private = not stat.S_IMODE(status.st_mode) & 0o077
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and private


def make_folder(environ: "Mapping[str, str]") -> str | None:
    """Make the run folder, or its stand-in in /tmp, empty it, and return its path; None if neither can be had."""
    wanted = variables.value_or_default("OCTO_NODE_RUN_DIR", environ)
    for folder in (wanted, _fallback()):
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            if folder == wanted or _is_ours(folder):
                _empty(folder)
                return folder
        except OSError:
            continue
    return None


def _empty(folder: str) -> None:
    probe = f"{folder}/.writable.{os.urandom(8).hex()}"
    number = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(number, bytes(_ROOM))  # an empty file fits on a full disk
    finally:
        os.close(number)
        os.unlink(probe)
    for name in _NAMES:
        try:
            os.unlink(_path(folder, name))
        except FileNotFoundError:
            pass


def find_folder(environ: "Mapping[str, str]") -> str | None:
    """Return the folder that the running node writes its state to; None if there is no state."""
    wanted = variables.value_or_default("OCTO_NODE_RUN_DIR", environ)
    if os.path.exists(_path(wanted, NODE)):
        return wanted
    fallback = _fallback()
    return fallback if _is_ours(fallback) and os.path.exists(_path(fallback, NODE)) else None


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
    pid = os.getpid()
    temporary = f"{folder}/.{name}.{pid}"
    text = jsontext.dumps({"pid": pid, "start": start_time(pid)} | dict(state)) + "\n"
    number = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.write(number, text.encode("utf-8", "backslashreplace"))
    finally:
        os.close(number)
    os.rename(temporary, _path(folder, name))


def remove(folder: str, name: str) -> None:
    """Take state file `name` away, if it is there."""
    try:
        os.unlink(_path(folder, name))
    except FileNotFoundError:
        pass


def read(folder: str | None, name: str) -> dict[str, object] | None:
    """Return state file `name`; None if there is none or it can't be read."""
    if folder is None:
        return None
    import json  # noqa: PLC0415 - only readers need it: it would cost process 1 a megabyte

    try:
        with open(_path(folder, name), encoding="utf-8") as file:
            state = json.load(file)
    except (OSError, ValueError):
        return None
    return state if isinstance(state, dict) else None


def is_live(state: "Mapping[str, object]", pid: str = "pid", start: str = "start") -> bool:
    """Return whether the process that `state` names by `pid` and `start` still runs."""
    number, since = state.get(pid), state.get(start)
    return isinstance(number, int) and since is not None and start_time(number) == since
