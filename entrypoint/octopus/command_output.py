"""The output of a command: bytes of any number and form, kept as the last lines of limited length."""

import re
from collections import deque
from collections.abc import Iterable, Iterator


MAX_LINE = 1 << 16  # bytes; the rest of a longer line is dropped
KEPT = 200  # lines that may tell why a command failed
TOLD = 20  # lines of them that go into an error
_MESSAGE = 3  # lines above a type that stands alone which are taken for its message
_CUT = " ..."
# colours, cursor movements and titles (ECMA-48), which a terminal doesn't show as text
_CONTROL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-Z\\^-~])")
# as .NET writes an exception: its type and message, causes behind arrows, and the frames of the stack. Octopus's log
# writes the message first, and then the type alone (OctopusDeploy issues 4742, 5059, 9141)
_TYPE = r"\b[A-Z]\w*\.[\w.+`]*Exception(?: \(0x[0-9A-Fa-f]+\))?"
_EXCEPTION = re.compile(f"{_TYPE}:")
_TYPE_ALONE = re.compile(rf"\s*{_TYPE}\s*")
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
        """The last lines, and before them the messages of exceptions, if they aren't among them."""
        return "\n".join(_with_heads(self._lines, self._heads))


def summary(output: str) -> str:
    """Return what an error tells of `output`: the messages of its first and last exception, and the last lines."""
    lines = output.splitlines()
    heads = _Heads()
    for line in lines:
        heads.take(line)
    return "\n".join(_with_heads(lines[-TOLD:], heads))


def _with_heads(lines: Iterable[str], heads: "_Heads") -> list[str]:
    found = list(lines)
    return [*dict.fromkeys(head for head in (*heads.first, *heads.last) if head not in found), *found]


class _Heads:
    """Looks for exceptions in lines; `first` and `last` are the lines that say what the first and the last one is."""

    def __init__(self) -> None:
        self.first: list[str] = []
        self.last: list[str] = []
        self._above: deque[str] = deque(maxlen=_MESSAGE + 1)  # the lines above, since the last stack trace
        self._typed: list[str] = []  # those of them that name a type and a message: the first and the last

    def take(self, line: str) -> None:
        """Look at the next line."""
        if _FRAME.match(line):
            self._end()
        elif not (_CAUSE.match(line) or _BETWEEN.match(line)):
            self._above.append(line)
            if _EXCEPTION.search(line):
                self._typed = [*self._typed[:1], line]

    def _end(self) -> None:
        """Note the lines above a stack trace that say what happened: those with a type, else the last one."""
        if not self._above:
            return
        above = [line for line in self._above if line.strip()]
        if above and _TYPE_ALONE.fullmatch(above[-1]):
            self._typed += above
        self.last = self._typed or above[-1:]
        self.first = self.first or self.last
        self._above.clear()
        self._typed = []
