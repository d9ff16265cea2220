"""Formats log lines: one event, one line, the same keys from every process of octo-node.

Light: process 1 writes through `line`; heavy processes through structlog, with `line` as its renderer
(`structured_log.py`).
"""

import time

from . import json_text


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_LINE = 4096  # bytes: PIPE_BUF, so that lines of several processes in one pipe don't mix
_CUT = "..."


def line(style: str, process: str, level: str, event: str, fields: "Mapping[str, object] | None" = None) -> bytes:
    """Return the log line, newline included, at most MAX_LINE bytes long.

    `style` is `console` or `json`, `process` who speaks, `fields` what else is to be told.
    """
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
    entry: dict[str, object] = {"time": stamp, "level": level, "process": process, "event": event} | dict(fields or {})
    for key, value in entry.items():
        if isinstance(value, str) and len(value) > MAX_LINE:
            entry[key] = value[:MAX_LINE] + _CUT  # a character is a byte at least: what follows has no room anyway
    text = _render(style, entry)
    while (excess := len(text) - MAX_LINE) > 0:
        longest = max(entry, key=lambda key: len(str(entry[key])))
        value = str(entry[longest]).removesuffix(_CUT)
        # a character takes at most 6 bytes (an escape), so this never cuts too much at once
        entry[longest] = value[: -(excess // 6 + len(_CUT) + 1)] + _CUT
        text = _render(style, entry)
    return text


def _render(style: str, entry: "Mapping[str, object]") -> bytes:
    if style == "json":
        text = json_text.dumps(dict(entry))
    else:
        told = "".join(f" {key}={_word(value)}" for key, value in list(entry.items())[4:])
        event = _one_line(str(entry["event"]))
        text = f"{entry['time']} {entry['level']:<7} {entry['process']}: {event}{told}"
    return text.encode("utf-8", "backslashreplace") + b"\n"


def _word(value: object) -> str:
    text = _one_line(str(value))
    return text if text and " " not in text else json_text.dumps(text)


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)
