"""The deadlines of a drain: when it stops waiting for tasks, and when it must be over."""

import time
from collections.abc import Callable


LAST_SECONDS = 20.0  # for the end of a command (TERM, KILL) and the last look
LOOK_SECONDS = 15.0  # for a look that begins at the deadline
CONCLUDE_SECONDS = 3.0  # for what comes after the last look, the end of a call that was given up included


class Deadlines:
    """A deadline `wait` seconds from now, and an end: `cancel_wait` and `grace` seconds after that."""

    def __init__(
        self, wait: float, cancel_wait: float, grace: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._cancel_wait = cancel_wait
        self._deadline = clock() + wait
        self._end = self._deadline + cancel_wait + grace

    @property
    def left(self) -> float:
        """The seconds until the deadline; less than 0 after it."""
        return self._deadline - self._clock()

    @property
    def is_over(self) -> bool:
        """Whether the deadline has passed."""
        return self.left <= 0

    def begin_cancelling(self) -> None:
        """Set a new deadline: what is cancelled now gets its time, as far as the end allows."""
        self._deadline = min(self._clock() + self._cancel_wait, self._end - LAST_SECONDS)

    def end_of_look(self, login: float) -> float:
        """Return when (monotonic) a look that begins now has to be over: until the deadline it may add a `login`."""
        now = self._clock()
        longest = now + LOOK_SECONDS + login
        return max(min(longest, max(now, self._deadline) + LOOK_SECONDS, self._end - CONCLUDE_SECONDS), now + 1.0)

    def limit(self, seconds: float) -> float:
        """Return how many of these `seconds` a command may take."""
        return max(min(seconds, self._end - LAST_SECONDS - self._clock()), 1.0)
