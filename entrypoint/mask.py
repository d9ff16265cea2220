"""Keep secrets out of whatever is written."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

MASK = "********"
_SHORTEST = 4  # a shorter value would mask every other word; it isn't printed by name either


def mask(text: str, secrets: "Iterable[str]") -> str:
    """Return `text` with each of the values `secrets` masked, the longest first."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, MASK)
    return text
