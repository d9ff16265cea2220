"""structlog for processes that may import libraries: the same lines as process 1's, with every secret redacted."""

import os
import select
from collections.abc import Callable, Collection, MutableMapping

import structlog

from entrypoint.base import log_line, redact


Logger = structlog.typing.FilteringBoundLogger
Tee = Callable[[bytes], str | None]  # takes each line as well; returns, in words, why it can't

STALL_SECONDS = 1.0  # that a line may wait for a stderr that nobody reads
_STDERR = 2


class _Stderr:
    """Standard error, as far as it can be written: a log that nobody reads is no reason to fail, or to wait for long.

    `dropped` counts the lines since one could be written.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._poll = select.poll()
        self._poll.register(_STDERR, select.POLLOUT)

    def msg(self, line: bytes) -> None:
        """Write one line."""
        try:
            # once it has stalled, what follows doesn't wait again
            if not self._poll.poll(0 if self.dropped else STALL_SECONDS * 1000):
                raise BlockingIOError
            os.write(_STDERR, line)
            self.dropped = 0
        except OSError:
            self.dropped += 1

    debug = info = warning = error = msg


def logger(process: str, secrets: Collection[str], style: str = "console", *, tee: Tee | None = None) -> Logger:
    """Return the logger of `process`; it writes to stderr, and to `tee`, with the values `secrets` masked.

    `style` is `console` or `json`; `secrets` may grow meanwhile.
    """
    stderr = _Stderr()
    also = [tee] if tee is not None else []

    def render(_logger: object, level: str, entry: MutableMapping[str, object]) -> bytes:
        event = redact.mask(str(entry.pop("event")), secrets)
        told = {k: redact.mask(v, secrets) if isinstance(v, str) else v for k, v in entry.items()}
        line = log_line.line(
            style, process, level, event, told | ({"dropped": stderr.dropped} if stderr.dropped else {})
        )
        problem = also[0](line) if also else None
        if problem is not None:
            also.clear()
            stderr.msg(log_line.line(style, process, "warning", problem))
        return line

    bound: Logger = structlog.wrap_logger(
        stderr,
        processors=[render],
        wrapper_class=structlog.make_filtering_bound_logger("debug"),
    )
    return bound
