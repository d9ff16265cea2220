"""How a secret looks where a program writes it as JSON, in an address, as base64, quoted for a shell, or wrapped.

Light: process 1 masks the end of the server's log, so nothing here needs a module of the standard library.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_URL_SAFE = {ord("+"): "-", ord("/"): "_"}
_SHORTEST_PART = 8  # characters: shorter parts of a secret stand in other words, too
_WIDTHS = (64, 76)  # at which base64 is wrapped: RFC 7468 (PEM, openssl), RFC 2045 (MIME, `base64`)
_UNRESERVED = "-_.~"  # RFC 3986
_UNRESERVED_ELSEWHERE = ("!*()-_.", "!*'()-_.~")  # HttpUtility.UrlEncode, encodeURIComponent
_HTML = "\"'<>&+`"  # what System.Text.Json doesn't leave as it is
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f", "\\": "\\\\"}
_BARE = set("@%+=:,./-_")  # what `printf %q` leaves as it is, beside letters and digits


def all_forms(secret: str) -> "Iterator[str]":
    """Yield `secret`, and what it may be written as; some are the same."""
    joined = "".join(secret.split())
    yield from (secret, joined)
    yield from _parts(secret, joined)
    yield from (
        _json(secret, "", ascii_only=False),
        _json(secret, "", ascii_only=True),
        _json(secret, _HTML, ascii_only=True),
    )
    yield from _addresses(secret)
    yield from _shell(secret)
    for text in (secret, joined):
        data = text.encode("utf-8", "surrogateescape")
        for before in range(3):
            inner = _base64(data[before:])
            if len(inner) >= _SHORTEST_PART:
                yield from (inner, inner.translate(_URL_SAFE))


def _parts(secret: str, joined: str) -> "Iterator[str]":
    """Yield the lines that it has, and those that it has where it is wrapped."""
    parts = [line.strip() for line in secret.splitlines()] if joined != secret else []
    for width in _WIDTHS:
        if len(joined) > width:
            parts += [joined[begin : begin + width] for begin in range(0, len(joined), width)]
    yield from (part for part in parts if len(part) >= _SHORTEST_PART)


def _json(text: str, escaped: str, *, ascii_only: bool) -> str:
    """Return `text` in JSON, the characters `escaped` by number; System.Text.Json writes those in capitals."""

    def written(character: str) -> str:
        if character in escaped or (ascii_only and not character.isascii()) or character < " ":
            short = _SHORT.get(character)
            return short or "".join(f"\\u{unit:04{'X' if escaped else 'x'}}" for unit in _utf_16(character))
        return '\\"' if character == '"' else _SHORT.get(character, character)

    return "".join(map(written, text))


def _utf_16(character: str) -> "Iterator[int]":
    data = character.encode("utf-16-be", "surrogatepass")
    yield from (int.from_bytes(data[place : place + 2], "big") for place in range(0, len(data), 2))


def _addresses(text: str) -> "Iterator[str]":
    for kept in (_UNRESERVED, *_UNRESERVED_ELSEWHERE):
        for form in ("%{:02X}", "%{:02x}"):
            written = "".join(
                character
                if character.isascii() and (character.isalnum() or character in kept)
                else "".join(form.format(byte) for byte in character.encode("utf-8", "surrogateescape"))
                for character in text
            )
            yield from (written, written.replace("%20", "+"))


def _shell(text: str) -> "Iterator[str]":
    """Yield it as it stands within single quotes, within double ones, and with backslashes."""
    yield from (text.replace("'", inside) for inside in ("'\\''", "'\"'\"'"))
    yield "".join(f"\\{character}" if character in '"$`\\!' else character for character in text)
    yield "".join(character if character.isalnum() or character in _BARE else f"\\{character}" for character in text)


def _base64(data: bytes) -> str:
    """Return base64 of the whole groups of three in `data`: what stands before and after it changes nothing of that."""
    groups = (int.from_bytes(data[place : place + 3], "big") for place in range(0, len(data) - 2, 3))
    return "".join(f"{_DIGITS[n >> 18]}{_DIGITS[n >> 12 & 63]}{_DIGITS[n >> 6 & 63]}{_DIGITS[n & 63]}" for n in groups)
