"""The ping endpoint of the node's own server, with its rate limit respected."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from entrypoint.octopus import http
from entrypoint.octopus.api import BUSY, DRAINING, Api, ApiError


@dataclass(frozen=True, slots=True)
class PingAnswer:
    """What the ping address said: `status`, 0 if nothing answered, and `words` for people."""

    status: int
    words: str

    @property
    def draining(self) -> bool | None:
        """Whether the node takes no new tasks; None if this answer doesn't tell."""
        return True if self.status == DRAINING else False if 200 <= self.status <= 299 else None


class Throttle:
    """Until when a server that said 429 is left alone: what its Retry-After says, and longer each time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._free_at = 0.0
        self._pause = http.PAUSE_SECONDS[0]

    @property
    def is_closed(self) -> bool:
        """Whether it is to be left alone now."""
        return self._clock() < self._free_at

    def close(self, asked_for: float | None) -> None:
        """Leave it alone for the seconds that it asked for, and for longer than the last time."""
        self._free_at = self._clock() + max(self._pause, asked_for or 0.0)
        self._pause = min(self._pause * 2, http.PAUSE_SECONDS[1])

    def open(self) -> None:
        """Forget the past: it answered."""
        self._pause = http.PAUSE_SECONDS[0]


class Ping:
    """Requests the ping address of `api`; while `throttle` is closed, the last answer is used."""

    def __init__(self, api: Api, throttle: Throttle) -> None:
        self._api = api
        self._throttle = throttle
        self._said = PingAnswer(0, "not asked yet")

    def ask(self) -> PingAnswer:
        """Return what it says now, or said before it asked to be left alone."""
        if not self._throttle.is_closed:
            self._said = self._ask()
        return self._said

    def _ask(self) -> PingAnswer:
        try:
            answer = self._api.ping()
        except ApiError as error:
            return PingAnswer(0, str(error))
        if answer.status == BUSY:
            self._throttle.close(answer.pause)
        else:
            self._throttle.open()
        return PingAnswer(answer.status, f"the ping address answered {answer.status} {answer.reason}"[:200])
