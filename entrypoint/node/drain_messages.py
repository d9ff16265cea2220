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

    def tell(self, key: object, sentence: str, *, is_trouble: bool = False, is_shown: bool = False) -> None:
        """Say `sentence` if `key`, what it is about, is another than the last time, or that is long ago.

        `is_shown` says that a terminal shows it in another form.
        """
        now = self._clock()
        if key != self._key or now - self._told >= AGAIN_SECONDS:
            fields = {"is_shown": True} if is_shown else {}
            (self._log.warning if is_trouble else self._log.info)(sentence, **fields)
            self._key, self._told = key, now

    def rest(self) -> None:
        """Take note that there is nothing to say."""
        self._key = None


class Tally:
    """Which tasks a drain waited for, how long, and which of them were cancelled."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun = clock()
        self._seen: set[str] = set()
        self._running: set[str] = set()
        self._cancelled: set[str] = set()
        self._is_known = True

    def see(self, tasks: Sequence[Task] | None) -> None:
        """Take note of the tasks that run; None: nobody could tell."""
        self._is_known = tasks is not None
        if tasks is not None:
            self._running = {task.id for task in tasks}
            self._seen |= self._running

    def cancel(self, tasks: Sequence[Task]) -> None:
        """Take note that `tasks` are cancelled."""
        self._cancelled = {task.id for task in tasks}

    def sentence(self) -> str:
        """Return it in words: how long, for how many tasks, and what became of those that didn't end by themselves."""
        if not self._seen:
            return "None had to be waited for." if self._is_known else "Whether any had to be waited for is unknown."
        still = ("still runs", "still run") if self._is_known else ("ran when seen last", "ran when seen last")
        counts = (
            (len(self._cancelled - self._running), "was cancelled", "were cancelled"),
            (len(self._running), *still),
        )
        told = [f"{count} {one if count == 1 else many}" for count, one, many in counts if count]
        waited = f"Waited {duration(self._clock() - self._begun)} for {_number(len(self._seen))}"
        return f"{waited}, of which {' and '.join(told)}." if told else f"{waited}."


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
    return _number(len(tasks))


def _number(count: int) -> str:
    return "1 task" if count == 1 else f"{count} tasks"


def names(tasks: Sequence[Task]) -> str:
    """Return the tasks' numbers and descriptions."""
    return ", ".join(f"{task.id} {task.description}".strip() for task in tasks)
