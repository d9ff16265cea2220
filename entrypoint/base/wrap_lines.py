"""Lines of another program as events of our own form: standard input, line by line, to standard error."""

import os
import select

from . import json_text, log_line, prctl


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


_CHUNK = 1 << 16
_LONGEST = 1 << 16  # bytes of a line that are kept until its end comes
_ROOM = log_line.MAX_LINE - 160  # bytes for a piece of text beside the other keys; a longer line is told in pieces
_STDIN, _STDERR = 0, 2


def run(process: str) -> int:
    """Wrap lines until nobody writes any more, as those of `process`; return the exit code.

    Who starts it should block the signals of a stop: whoever writes is ended first, and its last lines count.
    """
    prctl.hide_memory()  # what the server prints isn't ours to keep: no core dump of it
    begun = b""
    while chunk := os.read(_STDIN, _CHUNK):
        *lines, begun = (begun + chunk).split(b"\n")
        if len(begun) > _LONGEST:
            lines, begun = [*lines, begun], b""
        for line in lines:
            _tell(process, line)
    if begun:
        _tell(process, begun)
    return 0


def _tell(process: str, line: bytes) -> None:
    text = line.decode("utf-8", "replace").rstrip("\r")
    for piece in _pieces(text):
        _write(log_line.line("json", process, "info", piece))


def _pieces(text: str) -> "Iterator[str]":
    while text:
        size = min(len(text), _ROOM)
        while len(json_text.dumps(text[:size]).encode("utf-8", "backslashreplace")) > _ROOM:
            size = size * 3 // 4
        yield text[:size]
        text = text[size:]


def _write(data: bytes) -> None:
    """Write all of it, however slowly it is read; without a reader it is lost, as the server's own would be."""
    while data:
        try:
            data = data[os.write(_STDERR, data) :]
        except BlockingIOError:
            poll = select.poll()
            poll.register(_STDERR, select.POLLOUT)
            poll.poll()
        except OSError:
            return
