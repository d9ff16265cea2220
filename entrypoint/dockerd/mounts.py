"""The mounts that dockerd expects; Python has no wrapper for mount(2)."""

import ctypes
import os


_libc = ctypes.CDLL(None, use_errno=True)
_MS_REC = 1 << 14
_MS_SHARED = 1 << 20
_MNT_DETACH = 2


def mount_securityfs(folder: str) -> None:
    """Mount securityfs, which shows AppArmor to dockerd, unless it is mounted or missing. Raise OSError."""
    if os.path.isdir(folder) and not os.path.ismount(folder):
        _mount("securityfs", folder, 0)


def unmount(folder: str) -> None:
    """Take away what is mounted on `folder`, if anything is, for this container only. Raise OSError if it can't be."""
    if os.path.ismount(folder) and _libc.umount2(os.fsencode(folder), _MNT_DETACH) != 0:
        raise _error(folder)


def share(root: str) -> None:
    """Have mounts below `root` reach the containers, as on a host with systemd. Raise OSError if it can't be."""
    if os.path.ismount(root):
        _mount(None, root, _MS_REC | _MS_SHARED)


def _mount(kind: str | None, folder: str, flags: int) -> None:
    name = None if kind is None else kind.encode()
    if _libc.mount(b"none", os.fsencode(folder), name, ctypes.c_ulong(flags), None) != 0:
        raise _error(folder)


def _error(folder: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number), folder)
