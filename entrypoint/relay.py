"""Lines for the container's log, from processes whose own output is read elsewhere: kubelet drops a hook's.

Process 1's stderr can't be opened from outside (it isn't dumpable), and it has no socket. So whoever has a line
appends it to a file in the run folder and sends SIGNAL; process 1 prints what is new there. What a drain says of the
tasks that a stop would cut off is a note of its own, which process 1 prints when it comes to that.

Both are only believed if they are plain files of process 1's user, or of root.
"""

import os
import signal
import stat


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNAL = signal.SIGRTMIN + 5  # one that nobody else uses; process 1 doesn't hand it on
_LINES, _NOTE = "lines", "cut-off"
_MAX = 1 << 20  # bytes of lines; then the file is begun anew
_CHUNK = 1 << 16
_MAX_NOTE = 4096
_SAFE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # no symlink, and no pipe that is waited for


def append(folder: str, line: bytes, supervisor: int) -> None:
    """Have process 1, whose pid is `supervisor`, print `line`. Raise OSError if that can't be."""
    path = f"{folder}/{_LINES}"
    number = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _SAFE, 0o600)
    try:
        status = os.fstat(number)
        if not _is_plain(status, os.stat(folder).st_uid):
            raise PermissionError(1, "not a plain file of ours", path)
        if status.st_size > _MAX:
            os.unlink(path)
        os.write(number, line)
    finally:
        os.close(number)
    os.kill(supervisor, SIGNAL)


def write_note(folder: str, sentence: str) -> None:
    """Leave `sentence` for process 1 to print when a stop cuts tasks off. Raise OSError if it can't be written."""
    temporary = f"{folder}/.{_NOTE}.{os.urandom(8).hex()}"
    number = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFE, 0o600)
    try:
        os.write(number, sentence.encode("utf-8", "backslashreplace")[:_MAX_NOTE])
        os.rename(temporary, f"{folder}/{_NOTE}")
    except OSError:
        os.unlink(temporary)
        raise
    finally:
        os.close(number)


def remove_note(folder: str) -> None:
    """Take the note away, if there is one. Raise OSError if it can't be."""
    _remove(f"{folder}/{_NOTE}")


class Inbox:
    """What others left in `folder` for process 1 to print (None: there is no folder); it begins empty."""

    def __init__(self, folder: str | None) -> None:
        self._folder = folder
        self._inode = 0
        self._offset = 0
        for name in (_LINES, _NOTE):
            try:
                _remove(f"{folder}/{name}")
            except OSError:
                pass

    def lines(self) -> "Iterator[bytes]":
        """Yield the lines that came since the last call, each with its end."""
        number = self._open(_LINES)
        if number is None:
            return
        try:
            status = os.fstat(number)
            if status.st_ino != self._inode or status.st_size < self._offset:
                self._inode, self._offset = status.st_ino, 0
            for _ in range(_MAX // _CHUNK + 1):
                chunk = os.pread(number, _CHUNK, self._offset)
                # a line that isn't finished is fetched with the next signal; one that is larger than this is none
                whole = chunk[: chunk.rfind(b"\n") + 1] or (chunk if len(chunk) == _CHUNK else b"")
                self._offset += len(whole)
                yield from whole.splitlines(keepends=True)
                if len(chunk) < _CHUNK:
                    return
        finally:
            os.close(number)

    def note(self) -> str:
        """Return the note on the tasks that a stop cuts off; empty if there is none."""
        number = self._open(_NOTE)
        if number is None:
            return ""
        try:
            return os.read(number, _MAX_NOTE).decode("utf-8", "replace").strip()
        finally:
            os.close(number)

    def _open(self, name: str) -> int | None:
        if self._folder is None:
            return None
        try:
            number = os.open(f"{self._folder}/{name}", os.O_RDONLY | _SAFE)
        except OSError:
            return None
        if _is_plain(os.fstat(number), os.getuid()):
            return number
        os.close(number)
        return None


def _is_plain(status: os.stat_result, user: int) -> bool:
    """Return whether a file is a plain one, with one name, that belongs to `user` or to root."""
    return stat.S_ISREG(status.st_mode) and status.st_nlink <= 1 and status.st_uid in {user, 0}


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
