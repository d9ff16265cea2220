"""JSON text without the `json` module, which costs process 1 more than a megabyte."""

_ESCAPES = {i: f"\\u{i:04x}" for i in range(32)} | {ord('"'): '\\"', ord("\\"): "\\\\"}


def dumps(value: object) -> str:
    """Return `value` (None, bool, int, float, str, and lists and dicts of them) as JSON on one line."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            # int.__repr__: an IntEnum is written as its number
            return int.__repr__(value) if isinstance(value, int) else repr(value)
        case dict():
            return "{" + ", ".join(f"{dumps(str(k))}: {dumps(v)}" for k, v in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(dumps, value)) + "]"
        case _:
            return '"' + str(value).translate(_ESCAPES) + '"'
