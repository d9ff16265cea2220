"""Progress messages while SQL Server is waited for: on every change, and at least every 15 seconds."""

from collections.abc import Callable
from typing import Protocol


TELL_AGAIN = 15.0  # seconds
Publish = Callable[[str, float], None]  # the reason, and since when SQL Server is waited for, by the clock


class Logger(Protocol):
    """The part of a structlog logger that is used here."""

    def debug(self, event: str, *args: object, **fields: object) -> object:
        """Write a line of level debug."""

    def info(self, event: str, *args: object, **fields: object) -> object:
        """Write a line of level info."""

    def warning(self, event: str, *args: object, **fields: object) -> object:
        """Write a line of level warning."""


class WaitProgress:
    """Tells the first failure, each change of reason, and a line each 15 s; `address` is SQL Server's."""

    def __init__(self, address: str, log: Logger, publish: Publish, clock: Callable[[], float]) -> None:
        self._fields = {"server": address}
        self._log = log
        self._publish = publish
        self._clock = clock
        self._started = self._told = clock()
        self.reason = ""
        self._told_plain = False

    def failed(self, reason: str, text: str) -> None:
        """Take note of an attempt that failed for `reason`; `text` is what was said, without secrets."""
        now = self._clock()
        if reason != self.reason:
            self.reason = reason
            self._publish(reason, self._started)
            told = {"said": text} if text else {}
            self._log.warning("SQL Server isn't ready yet.", reason=reason, **self._fields, **told)
        elif now - self._told >= TELL_AGAIN:
            self._log.info("Still waiting for SQL Server.", reason=reason, seconds=self._waited(now), **self._fields)
        else:
            return
        self._told = now

    def plain(self) -> None:
        """Say that SQL Server does without encryption, and so do we."""
        if not self._told_plain:
            self._told_plain = True
            self._log.warning(
                "SQL Server doesn't encrypt, so this connection isn't encrypted, login included: turn TLS on there. "
                "Versions of Octopus.Server whose default is `Encrypt=Mandatory` can't connect; the connection string "
                "says which it is if it has `Encrypt`.",
                **self._fields,
            )

    def ready(self) -> None:
        """Say that the wait is over, if there was one."""
        if self.reason:
            self._log.info("SQL Server is ready.", seconds=self._waited(self._clock()), **self._fields)

    def _waited(self, now: float) -> float:
        return round(now - self._started, 1)
