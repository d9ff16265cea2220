"""Keep secrets out of whatever is written."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

MASK = "********"
_SHORTEST = 4  # a shorter value would mask every other word; it isn't printed by name either


_NAMES = ("password", "pwd")


def _by_name(text: str) -> str:
    """Return `text` with what follows `password=`, as in a connection string, masked up to the next semicolon.

    Without regular expressions: process 1 masks the end of the server's log.
    """
    lower = text.lower()
    done, result = 0, ""
    while True:
        found = [(lower.find(name, done), name) for name in _NAMES]
        start, name = min(((at, name) for at, name in found if at >= 0), default=(-1, ""))
        if start < 0:
            return result + text[done:]
        end = start + len(name)
        value = text[end:].lstrip(" ")
        if value.startswith("="):
            equals = text.index("=", end) + 1
            stop = min(at for at in (text.find(";", equals), text.find("\n", equals), len(text)) if at >= 0)
            result += text[done:equals] + MASK
            done = stop
        else:
            result += text[done:end]
            done = end


def mask(text: str, secrets: "Iterable[str]") -> str:
    """Return `text` with each of the values `secrets` masked, the longest first, and with every `password=`."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, MASK)
    return _by_name(text)
