"""Redacts secrets in everything that is written."""

from . import secret_forms


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MASK = "********"
_SHORTEST = 4  # a shorter value would mask every other word; it isn't printed by name either
_NAMES = ("password", "pwd")
_QUOTES = {'"': '"', "'": "'", "{": "}"}  # how values are quoted in ADO.NET and ODBC
_LOWER = {capital: capital + 32 for capital in range(ord("A"), ord("Z") + 1)}  # `lower` may change the length


def mask(text: str, secrets: "Iterable[str]") -> str:
    """Return `text` with each of the values `secrets` masked, the longest first, and with every `password=`."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, MASK)
    return _by_name(text)


def _by_name(text: str) -> str:
    """Return `text` with what follows `password=`, as in a connection string, masked up to the value's end."""
    parts, done = [], 0
    for begin, end in _values(text):
        parts += [text[done:begin], MASK]
        done = end
    return "".join([*parts, text[done:]])


def forms(secrets: "Iterable[str]") -> list[str]:
    """Return `secrets` in every form that may be printed, the longest first.

    A licence is handed on without its line breaks, drivers print the password alone of a connection string, and
    programs write JSON, addresses, base64 and command lines.
    """
    values = [value for secret in secrets for value in (secret, *passwords(secret))]
    found = {form for value in values for form in secret_forms.all_forms(value) if len(form) >= _SHORTEST}
    return sorted(found, key=len, reverse=True)


def passwords(text: str) -> list[str]:
    """Return the values that follow `password=` in `text`, without the quotes around them."""
    found = []
    for begin, end in _values(text):
        value = text[begin:end].strip()
        closing = _QUOTES.get(value[:1])
        if closing and value.endswith(closing) and len(value) > 1:
            value = value[1:-1].replace(closing * 2, closing)
        found.append(value)
    return found


def _values(text: str) -> "Iterator[tuple[int, int]]":
    """Yield where a value begins and ends that follows `password=`.

    It ends at a semicolon or with its line; within quotes, which a semicolon may stand in, after them. Without
    regular expressions: process 1 masks the end of the server's log.
    """
    lower = text.translate(_LOWER)
    names = [_Finder(lower, name) for name in _NAMES]
    ends = [_Finder(text, end) for end in ";\n"]
    closings = {quote: _Finder(text, closing) for quote, closing in _QUOTES.items()}
    done = 0
    while True:
        start, length = min((name.next(done), len(name.word)) for name in names)
        if start == len(text):
            return
        done = _past_spaces(text, start + length)
        if text[done : done + 1] != "=":
            continue
        begin = done + 1
        first = _past_spaces(text, begin)
        closing = closings.get(text[first : first + 1])
        if closing:
            first = _past_quotes(text, first + 1, closing, ends[1].next(first))
        done = min(end.next(first) for end in ends)
        yield begin, done


def _past_spaces(text: str, position: int) -> int:
    while text[position : position + 1] == " ":
        position += 1
    return position


def _past_quotes(text: str, position: int, closing: "_Finder", limit: int) -> int:
    """Return where quotes are closed: a doubled one is part of the value; `position` if they aren't closed."""
    at = closing.next(position)
    while at < limit:
        if text[at + 1 : at + 2] != closing.word:
            return at + 1
        at = closing.next(at + 2)
    return position


class _Finder:
    """Where `word` stands next in `text`; asked from left to right, it looks at each character once."""

    def __init__(self, text: str, word: str) -> None:
        self.word = word
        self._text = text
        self._at = -1

    def next(self, position: int) -> int:
        """Return where it stands at `position` or after that; the text's length if it doesn't."""
        if self._at < position:
            at = self._text.find(self.word, position)
            self._at = len(self._text) if at < 0 else at
        return self._at
