"""The configuration that unixODBC reads: it decides whose code runs in a process that has all the secrets.

The driver manager (`odbcinst/_SystemINI.c`, `SQLGetPrivateProfileString.c`) looks drivers up in `odbcinst.ini` in
ODBCSYSINI, else in its own /etc, but before that in `.odbcinst.ini` in HOME, where whatever runs as the same user can
register one: a deployment script, for example. So it gets a HOME that has no files, and one file, which nobody but
root and this user may be able to change. What is mounted read-only, such as octo-node's own volume, nobody here can.
"""

import ctypes
import functools
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from entrypoint.base import trusted_file
from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode


NAME = "odbcinst.ini"
FOLDERS = ("/etc", "/usr/local/etc")  # its own, as it is usually built
NOWHERE = "/dev/null"  # no folder: nobody can put a file into it
LINKS = 40  # as many as the kernel follows
_MAX_FILE = 1 << 20  # bytes
_libc = ctypes.CDLL(None)
_libc.getenv.restype = ctypes.c_char_p


@functools.cache
def confine() -> Path:
    """Have the driver manager read one file, and return it; call this before its first use, which reads variables.

    Raise NodeError (11) if another user could change that file.
    """
    folder = _variable("ODBCSYSINI") or next((each for each in FOLDERS if os.path.exists(f"{each}/{NAME}")), FOLDERS[0])
    file = Path(os.path.abspath(Path(folder, _variable("ODBCINSTINI") or NAME)))
    refuse_if_open(file)
    variables = {"ODBCSYSINI": file.parent, "ODBCINSTINI": file.name, "ODBCINI": NOWHERE, "HOME": NOWHERE}
    for name, value in variables.items():
        os.putenv(name, str(value))  # `os.environ` doesn't get to know: it is what is handed on
    return file


def libraries(file: Path, driver: str) -> list[Path]:
    """Return the libraries that the configuration in `file` has for `driver`, but those the linker looks for."""
    found, section = [], ""
    with file.open(encoding="utf-8", errors="replace") as lines:
        for line in lines.read(_MAX_FILE).splitlines():
            name, _, value = line.strip().partition("=")
            if name.startswith("["):
                section = name[1:].partition("]")[0].strip()
            elif section.lower() == driver.lower() and name.strip().lower() in {"driver", "driver64"} and "/" in value:
                found.append(Path(os.path.abspath(value.strip())))
    return found


def refuse_if_open(file: Path) -> None:
    """Raise NodeError (11) if another user than root and ours could change `file`, or put another in its place."""
    part = next((part for part in _way(file) if _is_open(part)), None)
    if part is not None:
        raise NodeError(
            ExitCode.SETTINGS,
            f"{file} says which code runs as ODBC driver, with octo-node's secrets, but {part} can be changed by "
            f"others than root and user {os.geteuid()}: take that right away (`chmod go-w {part}`, or `chown`), or set "
            "ODBCSYSINI to a folder of yours.",
        )


def _way(file: Path) -> Iterator[Path]:
    """Yield all that leads to `file`: folders, links, the folders these lead to, and itself."""
    for _ in range(LINKS):
        yield from reversed(file.parents)
        real = Path(os.path.realpath(file.parent), file.name)
        yield from reversed(real.parents)
        yield real
        if not real.is_symlink():
            return
        file = Path(os.path.normpath(real.parent / real.readlink()))


def _is_open(path: Path) -> bool:
    """Return whether somebody else could change `path`, or what is in it, or put another thing in its place."""
    try:
        status = path.lstat()
        if os.statvfs(path.parent if path.is_symlink() else path).f_flag & os.ST_RDONLY:
            return False  # whoever it belongs to, and whatever its mode: an emptyDir may be written by everybody
    except OSError:
        return False  # who is to make it needs the folder
    if not (trusted_file.is_trusted(status.st_uid) or _is_of_nobody_here(status.st_uid)):
        return True
    others = stat.S_IWOTH if status.st_gid == status.st_uid != 0 else stat.S_IWGRP | stat.S_IWOTH  # a user's own group
    is_sticky = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX  # there, each has his own files
    return bool(status.st_mode & others) and not is_sticky and not stat.S_ISLNK(status.st_mode)


def _is_of_nobody_here(uid: int) -> bool:
    """Return whether `uid` stands for the users that don't exist in our user namespace: none can be one of them."""
    overflow = int(Path("/proc/sys/kernel/overflowuid").read_text())
    ranges = [tuple(map(int, line.split())) for line in Path("/proc/self/uid_map").read_text().splitlines()]
    return uid == overflow and not any(first <= uid < first + count for first, _, count in ranges)


def _variable(name: str) -> str:
    """Return a variable as C sees it: in the image it isn't in `os.environ`."""
    value = _libc.getenv(name.encode())
    return os.fsdecode(value) if value else ""
