"""structlog for processes that may import libraries: the same lines as process 1's, with every secret redacted."""

import os
import select
import sys
from collections.abc import Callable, Collection, MutableMapping

from entrypoint.base import log_line, redact


# structlog loads rich, where that is there, for tracebacks that we don't print: 0.1 s of every process's start
_rich = sys.modules.get("rich")
sys.modules["rich"] = None  # type: ignore[assignment]  # that is how Python is told that there is none
import structlog  # noqa: E402 - see above


del sys.modules["rich"]
if _rich is not None:
    sys.modules["rich"] = _rich


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


class _Screen:
    """A terminal on which something else is shown as well, by who has `show` write lines there."""

    def __init__(self, show: Callable[[bytes], None]) -> None:
        self.dropped = 0
        self._show = show

    def msg(self, line: bytes) -> None:
        """Write one line, if it isn't for the log alone."""
        if line:
            self._show(line)

    debug = info = warning = error = msg


def logger(
    process: str,
    secrets: Collection[str],
    style: str = "console",
    *,
    level: str = "debug",
    tee: Tee | None = None,
    show: Callable[[bytes], None] | None = None,
) -> Logger:
    """Return the logger of `process`; it writes to stderr, and to `tee`, with the values `secrets` masked.

    `style` is `console` or `json`; what is below `level` is left out; `secrets` may grow meanwhile. With `show` it
    writes to that instead of stderr; an event with `is_shown`, which is on the screen in another form, then goes to
    `tee` alone.
    """
    stderr: _Stderr | _Screen = _Stderr() if show is None else _Screen(show)
    also = [tee] if tee is not None else []

    def render(_logger: object, level: str, entry: MutableMapping[str, object]) -> bytes:
        is_shown = entry.pop("is_shown", False) is True and show is not None
        event = redact.mask(str(entry.pop("event")), secrets)
        told = {k: redact.mask(v, secrets) if isinstance(v, str) else v for k, v in entry.items()}
        line = log_line.line(
            style, process, level, event, told | ({"dropped": stderr.dropped} if stderr.dropped else {})
        )
        problem = also[0](line) if also else None
        if problem is not None:
            also.clear()
            stderr.msg(log_line.line(style, process, "warning", problem))
        return b"" if is_shown else line

    bound: Logger = structlog.wrap_logger(
        stderr,
        processors=[render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
    )
    return bound
