"""Lines of another program as events of our own form: standard input, line by line, to standard error."""

import os

from . import log_line


_CHUNK = 1 << 16
_LONGEST = 1 << 16  # bytes of a line; a longer one is told in parts
_STDIN, _STDERR = 0, 2


def run(process: str) -> int:
    """Wrap lines until nobody writes any more, as those of `process`; return the exit code.

    Who starts it should block the signals of a stop: whoever writes is ended first, and its last lines count.
    """
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
    if text:
        os.write(_STDERR, log_line.line("json", process, "info", text))
