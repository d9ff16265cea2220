"""The progress messages of a drain: on every change, and at least every 30 seconds."""

import time
from collections.abc import Callable, Sequence

from entrypoint.octopus.running_task import Task
from entrypoint.structured_log import Logger


AGAIN_SECONDS = 30.0  # between two lines that say the same


class ThrottledLog:
    """Says a thing at the first time, at each change, and every AGAIN_SECONDS."""

    def __init__(self, log: Logger, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._key: object = None
        self._told = 0.0

    def tell(self, key: object, sentence: str, *, is_trouble: bool = False) -> None:
        """Say `sentence` if `key`, what it is about, is another than the last time, or that is long ago."""
        now = self._clock()
        if key != self._key or now - self._told >= AGAIN_SECONDS:
            (self._log.warning if is_trouble else self._log.info)(sentence)
            self._key, self._told = key, now

    def rest(self) -> None:
        """Take note that there is nothing to say."""
        self._key = None


def duration(seconds: float) -> str:
    """Return seconds in words, such as `8 min 20 s`."""
    minutes, rest = divmod(max(round(seconds), 0), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def count_down(tasks: Sequence[Task], left: float) -> str:
    """Return which tasks run, with the seconds that are left."""
    return f"{number(tasks)} running, {duration(left)} left: {names(tasks)}"


def still_running(tasks: Sequence[Task]) -> str:
    """Return that tasks were still running."""
    verb = "was" if len(tasks) == 1 else "were"
    return f"{number(tasks)} {verb} still running: {names(tasks)}"


def number(tasks: Sequence[Task]) -> str:
    """Return how many tasks there are, such as `1 task`."""
    return "1 task" if len(tasks) == 1 else f"{len(tasks)} tasks"


def names(tasks: Sequence[Task]) -> str:
    """Return the tasks' numbers and descriptions."""
    return ", ".join(f"{task.id} {task.description}".strip() for task in tasks)
