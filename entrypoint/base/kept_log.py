"""The last lines of octo-node's own log, in the run folder for `diagnose`: the log itself is the container's stderr.

Process 1 and the parts of the boot append their lines, which are masked already. There are two files, so that at
least MAX_BYTES of the newest lines are kept, and never more than twice that.
"""

import os

from . import trusted_file


MAX_BYTES = 1 << 18
LINES = 2000  # that are given back
_PRESENT, _BEFORE = "log", "log.1"


def append(folder: str | None, line: bytes) -> None:
    """Keep `line`; one that can't be kept is in the container's log all the same."""
    if folder is None:
        return
    path = f"{folder}/{_PRESENT}"
    try:
        number = trusted_file.open_plain(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            mine = os.fstat(number)
            # another writer may have renamed it just now: its successor is to stay
            if mine.st_size > MAX_BYTES and mine.st_ino == os.stat(path).st_ino:
                os.rename(path, f"{folder}/{_BEFORE}")  # who appends just now still does so to that one
            os.write(number, line)
        finally:
            os.close(number)
    except OSError:
        pass


def read(folder: str) -> bytes:
    """Return the last LINES lines; none if there are none, or they can't be read."""
    text = b""
    for name in (_BEFORE, _PRESENT):
        try:
            text += trusted_file.read(f"{folder}/{name}", 2 * MAX_BYTES)
        except OSError:
            continue
    return b"".join(text.splitlines(keepends=True)[-LINES:])
