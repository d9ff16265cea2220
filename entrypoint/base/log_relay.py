"""Relays lines to the container's log from processes whose own output goes elsewhere: kubelet drops a hook's.

Process 1's stderr can't be opened from outside (it isn't dumpable), and it has no socket. So whoever has a line
appends it to a file in the run folder and sends SIGNAL; process 1 prints what is new there. What a drain says of the
tasks that a stop would cut off is a note of its own, which process 1 prints when it comes to that.

Both are only believed if they are plain files of process 1's user, or of root; what else stands in their places is
moved away. Where the run folder takes neither, because it is full, read-only or gone, they are in a folder in /tmp
that is named after process 1 alone.
"""

import errno
import os
import signal
import time

from . import procfs, statefile, trusted_file


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIGNAL = signal.SIGRTMIN + 5  # one that nobody else uses; process 1 doesn't hand it on
FRESH_SECONDS = 5.0  # a drain that goes on renews its note more often
_LINES, _NOTE = "lines", "cut-off"
_MAX = 1 << 20  # bytes of lines; then the file is begun anew
_CHUNK = 1 << 16
_MAX_NOTE = 4096


def spare_folder(supervisor: int) -> str:
    """Return where is what the run folder doesn't take, for process 1, whose pid is `supervisor`."""
    return f"/tmp/octo-node.{supervisor}.{procfs.start_time(supervisor)}"  # noqa: S108 - only used if it is ours alone


def append(folder: str | None, line: bytes, supervisor: int) -> None:
    """Have process 1, whose pid is `supervisor`, print `line`. Raise OSError if that can't be."""
    _in_one_of(folder, supervisor, lambda place: _append(f"{place}/{_LINES}", line))
    os.kill(supervisor, SIGNAL)


def _append(path: str, line: bytes) -> None:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    try:
        number = trusted_file.open_plain(path, flags)
    except OSError:
        _move_away(path)
        number = trusted_file.open_plain(path, flags)
    if os.fstat(number).st_size > _MAX:
        os.close(number)
        os.unlink(path)
        number = trusted_file.open_plain(path, flags)
    try:
        if os.write(number, line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
    finally:
        os.close(number)


def write_note(folder: str | None, sentence: str, supervisor: int) -> None:
    """Leave `sentence` for process 1 to print when a stop cuts tasks off. Raise OSError if it can't be written."""
    content = sentence.encode("utf-8", "backslashreplace")[:_MAX_NOTE]
    place = _in_one_of(folder, supervisor, lambda place: _write_note(f"{place}/{_NOTE}", content))
    if place == folder:
        _remove(f"{spare_folder(supervisor)}/{_NOTE}")


def _write_note(path: str, content: bytes) -> None:
    try:
        trusted_file.replace(path, content)
    except IsADirectoryError:
        _move_away(path)
        trusted_file.replace(path, content)


def remove_note(folder: str | None, supervisor: int) -> None:
    """Take the note away, if there is one. Raise OSError if it can't be."""
    _remove(f"{spare_folder(supervisor)}/{_NOTE}")
    if folder is not None:
        _remove(f"{folder}/{_NOTE}")


def _in_one_of(folder: str | None, supervisor: int, write: "Callable[[str], None]") -> str:
    """Have it written in `folder`, or else in the spare one; return where. Raise OSError, of the first."""
    failed = OSError(errno.ENOENT, "there is no run folder", folder)
    if folder is not None:
        try:
            write(folder)
        except OSError as error:
            failed = error
        else:
            return folder
    spare = spare_folder(supervisor)
    try:
        statefile.make_private(spare)
        write(spare)
    except OSError:
        raise failed from None
    return spare


def _move_away(path: str) -> None:
    """Make room for a plain file of ours: what is there is somebody else's, whatever it is."""
    os.rename(path, f"{path}.{os.urandom(8).hex()}")


class Inbox:
    """What others left in `folder` (None: there is none) for process 1, which we are, to print; it begins empty."""

    def __init__(self, folder: str | None) -> None:
        spare = spare_folder(os.getpid())
        self._folders = [spare] if folder is None else [spare, folder]
        self._seen = dict.fromkeys(self._folders, (0, 0))  # the inode that was read, and up to where
        for place in self._folders:
            for name in (_LINES, _NOTE):
                try:
                    _remove(f"{place}/{name}")
                except OSError:
                    pass

    def lines(self) -> "Iterator[bytes]":
        """Yield the lines that came since the last call, each with its end."""
        for folder in self._folders:
            if not statefile.is_private(folder):
                continue
            try:
                number = trusted_file.open_plain(f"{folder}/{_LINES}")
            except OSError:
                continue
            try:
                yield from self._new(folder, number)
            finally:
                os.close(number)

    def _new(self, folder: str, number: int) -> "Iterator[bytes]":
        status = os.fstat(number)
        inode, offset = self._seen[folder]
        if status.st_ino != inode or status.st_size < offset:
            offset = 0
        for _ in range(_MAX // _CHUNK + 1):
            chunk = os.pread(number, _CHUNK, offset)
            # a line that isn't finished is fetched with the next signal; one that is larger than this is none
            whole = chunk[: chunk.rfind(b"\n") + 1] or (chunk if len(chunk) == _CHUNK else b"")
            offset += len(whole)
            self._seen[folder] = status.st_ino, offset
            yield from whole.splitlines(keepends=True)
            if len(chunk) < _CHUNK:
                return

    def note(self) -> str:
        """Return the note on the tasks that a stop cuts off, or may: if nobody renews it. Empty if there is none."""
        for folder in self._folders:
            path = f"{folder}/{_NOTE}"
            try:
                text = trusted_file.read(path, _MAX_NOTE).decode("utf-8", "replace").strip()
                is_fresh = time.time() - os.lstat(path).st_mtime <= FRESH_SECONDS
            except OSError:
                continue
            return text if is_fresh else text.replace(" cuts off ", " may cut off ", 1)
        return ""


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except (FileNotFoundError, NotADirectoryError):
        pass
