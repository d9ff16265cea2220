"""Where a server listens, as it is written: `0.0.0.0:9464`, `[::1]:9464`, or `:9464` for every address."""

MAX_PORT = 65535
_HEX = set("0123456789abcdefABCDEF")


def parse(text: str) -> tuple[str, int]:
    """Return the IP address (empty: every one) and port of `text`. Raise ValueError if it isn't of that form."""
    host, colon, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    is_v6 = host == f"[{bare}]" and ":" in bare and set(bare) <= _HEX | {":", "."}
    is_v4 = host == bare and bare.count(".") == 3 and set(bare) <= set("0123456789.")
    if not (colon and port.isascii() and port.isdecimal() and 0 < int(port) <= MAX_PORT):
        raise ValueError(text)
    if host and not is_v6 and not is_v4:
        raise ValueError(text)
    return bare, int(port)
