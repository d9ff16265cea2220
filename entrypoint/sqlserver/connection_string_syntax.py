"""The syntax of a connection string: text into keywords and values.

The grammar is SqlClient's own: the state machine `GetKeyValuePair` in `SqlConnectionOptions.cs`, whose
regular expression stands in `SqlConnectionOptions.Debug.cs`.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple


# .NET's idea of white space and of control characters, which isn't quite Python's.
_SPACE = "\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_CONTROL = "\0-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"

_KEYWORD = re.compile(f"((?:==|[^={_CONTROL}])++)=(?!=)[{_SPACE}]*")
_QUOTED = {
    "'": re.compile(rf"'((?:[^'\0]|'')*+)'[{_SPACE}]*"),
    '"': re.compile(rf'"((?:[^"\0]|"")*+)"[{_SPACE}]*'),
}
_BEGIN = re.compile(f"[^;{_SPACE}]")
_PLAIN_END = re.compile(f"[;{_CONTROL}]")
_END = re.compile(rf"[\0{_SPACE}]*\Z")  # SqlClient takes NULs for the end
_BLANK = re.compile(f"^[{_SPACE}]+|[{_SPACE}]+$")


class ConnectionStringError(ValueError):
    """What is wrong with a connection string, and where.

    `sentences` are finished and fit for a log: they hold no value, nor anything that may be a part of one.
    """

    def __init__(self, *sentences: str) -> None:
        super().__init__(" ".join(sentences))
        self.sentences = sentences


class Pair(NamedTuple):
    """A keyword in lower case, its value, None for an empty one, and the position (from 1) where it begins."""

    keyword: str
    value: str | None
    position: int


def split(text: str) -> Iterator[Pair]:
    """Yield the pairs of `text` in their order; raise ConnectionStringError where it breaks the grammar."""
    position = 0
    while (begin := _BEGIN.search(text, position)) and not _END.match(text, begin.start()):
        pair, position = _pair(text, begin.start())
        yield pair


def _pair(text: str, start: int) -> tuple[Pair, int]:
    keyword = _KEYWORD.match(text, start)
    if keyword is None:
        raise _broken(start, "there is no `keyword=value`; a value that has a `;` must be put in quotes")
    name = _BLANK.sub("", keyword[1]).replace("==", "=").lower()
    value, end = _value(text, start, keyword.end())
    return Pair(name, value, start + 1), end


def _value(text: str, start: int, at: int) -> tuple[str | None, int]:
    quote = text[at : at + 1]
    if quote in _QUOTED:
        return _quoted(text, start, at, quote)
    stop = _PLAIN_END.search(text, at)
    end = stop.start() if stop else len(text)
    value = _BLANK.sub("", text[at:end])
    if not _END.match(text, end) and text[end] != ";":
        raise _broken(start, "the value has a control character; put it in quotes")
    if value.endswith(("'", '"')):
        raise _broken(start, "the value ends in a quote but doesn't begin with one; put all of it in quotes")
    return value or None, end


def _quoted(text: str, start: int, at: int, quote: str) -> tuple[str, int]:
    match = _QUOTED[quote].match(text, at)
    if match is None:
        raise _broken(start, f"the quote {quote} around the value isn't closed")
    if not _END.match(text, match.end()) and text[match.end()] != ";":
        raise _broken(start, f"something follows the quoted value; a {quote} inside it must be doubled")
    return match[1].replace(quote * 2, quote), match.end()


def _broken(start: int, what: str) -> ConnectionStringError:
    return ConnectionStringError(
        f"The connection string can't be read: in the part that begins at character {start + 1}, {what}."
    )
