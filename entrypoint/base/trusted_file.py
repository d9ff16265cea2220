"""Files in folders that others may write to: created under unguessable names, read only if they are plain and trusted.

Who may write to a folder can put a pipe, a link or a file of his own where ours is looked for. Light: process 1
writes its state through this.
"""

import errno
import os
import stat


_OPEN = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_PRIVATE = 0o600
_ROOT = 0
# of file systems that have nothing to wait for (some network, FUSE and virtual ones), for a folder above all
_KNOWS_NO_FSYNC = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}


def is_trusted(uid: int) -> bool:
    """Return whether files of user `uid` can be trusted: those of this user and of root, who can do anything anyway."""
    return uid in {_ROOT, os.geteuid()}


def open_plain(path: str, flags: int = os.O_RDONLY) -> int:
    """Open a file that is there; never wait for it. Raise OSError if it is a link, no plain file, or another user's.

    With O_CREAT in `flags` it is made if it isn't there, for this user alone.
    """
    number = os.open(path, flags | _OPEN, _PRIVATE)
    status = os.fstat(number)
    # a second name may be in a folder whose files aren't ours to read or write in this way; none: just replaced
    if stat.S_ISREG(status.st_mode) and status.st_nlink <= 1 and is_trusted(status.st_uid):
        return number
    os.close(number)
    raise PermissionError(errno.EPERM, "it isn't a plain file of this user", path)


def read(path: str, limit: int) -> bytes:
    """Return the content of the plain file `path`. Raise OSError if it isn't one of ours, or has more than `limit`."""
    with open(open_plain(path), "rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"it has more than {limit} bytes", path)
    return content


def write_new(path: str, content: bytes) -> None:
    """Make the file `path`, which isn't there yet, and have it reach the disk. Raise OSError; no file is there then."""
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(number, "wb") as file:
            file.write(content)
            file.flush()
            sync(number)
    except OSError:
        os.unlink(path)
        raise


def replace(path: str, content: bytes, *, durably: bool = False) -> None:
    """Put a private file with `content` in the place of `path`; `durably`: the disk has it, too, when this returns.

    Raise OSError if that can't be done; what was there then still is.
    """
    folder, name = os.path.split(path)
    temporary = f"{folder}/.{name}.{os.urandom(8).hex()}"
    number = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _OPEN, _PRIVATE)
    try:
        try:
            os.fchmod(number, _PRIVATE)  # whatever the umask takes away
            _write(number, content)
            if durably:
                sync(number)
        finally:
            os.close(number)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _write(number: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(number, left) :]


def sync(descriptor: int) -> None:
    """Have what was written to a file or folder reach the disk, where its file system knows how. Raise OSError."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _KNOWS_NO_FSYNC:
            raise
