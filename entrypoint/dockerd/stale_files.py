"""Removes what an earlier dockerd left: pid files and sockets survive a container's restart."""

import glob
import os
import stat

from entrypoint.base import engine, trusted_file


_PID_FILES = ("docker*.pid", "docker/containerd/*.pid")
_MOST = 64  # bytes of a pid file; what is longer, or no plain file, names no process
_SOCKETS = ("docker*.sock", "docker/*.sock", "docker/containerd/*.sock*")


def remove(run: str) -> list[str]:
    """Remove, below the folder `run`, pid files of ended processes and sockets that nobody listens on; return them.

    Raise OSError if one can't be.
    """
    dead = [path for path in _found(run, _PID_FILES) if not _is_alive(path)]
    dead += [path for path in _found(run, _SOCKETS) if _is_deaf(path)]
    for path in dead:
        os.unlink(path)
    return dead


def _found(run: str, patterns: tuple[str, ...]) -> list[str]:
    return [path for pattern in patterns for path in sorted(glob.glob(f"{run}/{pattern}"))]


def _is_alive(path: str) -> bool:
    """Return whether the process that the file names runs, and is the one that the file is called after."""
    try:
        pid = trusted_file.read(path, _MOST).decode("ascii", "replace").strip()
        if not pid.isdecimal():
            return False
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return os.path.basename(path).removesuffix(".pid") in file.read()
    except OSError:
        return False


def _is_deaf(path: str) -> bool:
    if not stat.S_ISSOCK(os.stat(path).st_mode):
        return False
    try:
        engine.connect_to_path(path).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False
