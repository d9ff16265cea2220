"""The output of a command: bytes of any number and form, kept as the last lines of limited length."""

import re
from collections import deque
from collections.abc import Iterable, Iterator


MAX_LINE = 1 << 16  # bytes; the rest of a longer line is dropped
KEPT = 200  # lines that may tell why a command failed
TOLD = 20  # lines of them that go into an error
_CUT = " ..."
# colours, cursor movements and titles (ECMA-48), which a terminal doesn't show as text
_CONTROL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-Z\\^-~])")
# as .NET writes an exception: its type and message, causes behind arrows, and the frames of the stack
_EXCEPTION = re.compile(r"\b[A-Z]\w*\.[\w.+`]*Exception(?: \(0x[0-9A-Fa-f]+\))?:")
_CAUSE = re.compile(r"\s*--->")
_FRAME = re.compile(r"\s+at \S")
_BETWEEN = re.compile(r"\s*---")


class CommandOutput:
    """The lines of a command's output, in the order in which they are taken."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=KEPT)
        self._heads = _Heads()
        self._begun = bytearray()  # a line whose end hasn't come yet
        self._is_cut = False

    def take(self, chunk: bytes) -> Iterator[str]:
        """Yield the lines that end in `chunk`; each byte is looked at once, however long a line is."""
        *ended, rest = chunk.split(b"\n")
        for part in ended:
            self._add(part)
            yield self._end()
        self._add(rest)

    def finish(self) -> Iterator[str]:
        """Yield the last line, if nothing ended it."""
        if self._begun:
            yield self._end()

    def _add(self, part: bytes) -> None:
        room = MAX_LINE - len(self._begun)
        self._begun += part[:room]
        self._is_cut |= len(part) > room

    def _end(self) -> str:
        text = _CONTROL.sub("", self._begun.decode("utf-8", "replace")).lstrip("\ufeff").rstrip()
        line = text + _CUT if self._is_cut else text
        self._begun.clear()
        self._is_cut = False
        self._lines.append(line)
        self._heads.take(line)
        return line

    def __str__(self) -> str:
        """The last lines, and before them the first line of the last exception, if it isn't among them."""
        return "\n".join(_with_head(self._lines, self._heads.last))


def summary(output: str) -> str:
    """Return what an error tells of `output`: the first line of the last exception, and the last lines."""
    lines = output.splitlines()
    heads = _Heads()
    for line in lines:
        heads.take(line)
    return "\n".join(_with_head(lines[-TOLD:], heads.last))


def _with_head(lines: Iterable[str], head: str | None) -> list[str]:
    found = list(lines)
    return found if head is None or head in found else [head, *found]


class _Heads:
    """Looks for exceptions in lines; `last` is the first line of the last one, which says what happened."""

    def __init__(self) -> None:
        self.last: str | None = None
        self._before = ""  # the line above, if it may be a message that names no type
        self._message = 0  # lines of the message that are still waited for: it may have several

    def take(self, line: str) -> None:
        """Look at the next line."""
        if _FRAME.match(line):
            if self._before and not self._message:
                self.last = self._before
            self._before, self._message = "", 0
        elif _CAUSE.match(line) or _BETWEEN.match(line):
            return
        elif self._message:
            self._message -= 1
        elif _EXCEPTION.search(line):
            self.last, self._message = line, TOLD
        else:
            self._before = line
