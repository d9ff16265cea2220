"""Relays lines to the container's log from processes whose own output goes elsewhere: kubelet drops a hook's.

Process 1's stderr can't be opened from outside (it isn't dumpable), and it has no socket. So whoever has a line
appends it to a file in the run folder and sends SIGNAL; process 1 prints what is new there. What a drain says of the
tasks that a stop would cut off is a note of its own, which process 1 prints when it comes to that.

Both are only believed if they are plain files of process 1's user, or of root.
"""

import os
import signal

from . import trusted_file


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNAL = signal.SIGRTMIN + 5  # one that nobody else uses; process 1 doesn't hand it on
_LINES, _NOTE = "lines", "cut-off"
_MAX = 1 << 20  # bytes of lines; then the file is begun anew
_CHUNK = 1 << 16
_MAX_NOTE = 4096


def append(folder: str, line: bytes, supervisor: int) -> None:
    """Have process 1, whose pid is `supervisor`, print `line`. Raise OSError if that can't be."""
    path, flags = f"{folder}/{_LINES}", os.O_WRONLY | os.O_APPEND | os.O_CREAT
    number = trusted_file.open_plain(path, flags)
    if os.fstat(number).st_size > _MAX:
        os.close(number)
        os.unlink(path)
        number = trusted_file.open_plain(path, flags)
    try:
        os.write(number, line)
    finally:
        os.close(number)
    os.kill(supervisor, SIGNAL)


def write_note(folder: str, sentence: str) -> None:
    """Leave `sentence` for process 1 to print when a stop cuts tasks off. Raise OSError if it can't be written."""
    trusted_file.replace(f"{folder}/{_NOTE}", sentence.encode("utf-8", "backslashreplace")[:_MAX_NOTE])


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
        if self._folder is None:
            return
        try:
            number = trusted_file.open_plain(f"{self._folder}/{_LINES}")
        except OSError:
            return
        try:
            yield from self._new(number)
        finally:
            os.close(number)

    def _new(self, number: int) -> "Iterator[bytes]":
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

    def note(self) -> str:
        """Return the note on the tasks that a stop cuts off; empty if there is none."""
        if self._folder is None:
            return ""
        try:
            return trusted_file.read(f"{self._folder}/{_NOTE}", _MAX_NOTE).decode("utf-8", "replace").strip()
        except OSError:
            return ""


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
