"""Processes killed because memory ran out: the kernel notifies process 1, which never has to poll."""

import ctypes
import fcntl
import os

from entrypoint.base import oom
from entrypoint.base.exitcodes import of_signal

from . import signals


TYPE_CHECKING = False
if TYPE_CHECKING:
    from .children import Timers

ROLE = "the look at memory"
PAUSE_SECONDS = 1.0  # at least, between two wake-ups: other counters in the file change often when memory is short
_IN_MODIFY = 2
_libc = ctypes.CDLL(None, use_errno=True)


class OomWatch:
    """The kernel's counter of processes killed because memory ran out; cgroups are mounted on `mount`.

    Attributes: `before`, what it was at the start (None: it can't be read); `killed`, how much it rose until the last
    look; `news`, how much at the last look.
    """

    def __init__(self, mount: str, timers: "Timers") -> None:
        self._timers = timers
        self._counter = oom.open_counter(mount)
        self.before = None if self._counter is None else oom.kills(self._counter)
        self.killed = 0
        self.news = 0
        self._watch = None if self._counter is None else _watch(self._counter)

    def look(self) -> bool:
        """Look at the counter, and return whether it rose since the last look."""
        self.news = 0
        count = None if self._counter is None else oom.kills(self._counter)
        if count is not None and self.before is not None:
            killed = count - self.before
            self.news, self.killed = killed - self.killed, killed
        return self.news > 0

    def changed(self) -> None:
        """Delay the kernel's next notification of a change: it sends none while one hasn't been read."""
        self._timers.set(ROLE, PAUSE_SECONDS)

    def listen(self) -> None:
        """Have the kernel send its next notification of a change; look at what changed until now."""
        if self._watch is not None:
            try:
                os.read(self._watch, 4096)
            except BlockingIOError:
                pass

    def explain(self, code: int) -> str:
        """Return what the counter says of a process that ended with `code`, as a sentence to add; it was looked at."""
        if code != of_signal(signals.KILL):
            return ""
        if self.before is None:
            return " Whether memory ran out can't be determined here: see the kernel's log."
        if self.news > 0:
            return f" {oom.sentence(self.news)}"
        return " Memory didn't run out: another process sent it that signal."


def _watch(counter: int) -> int | None:
    """Have the kernel send IO when the file changes, as cgroup v2 does for memory.events; return what to read then.

    None where that can't be had: process 1 then looks at its next wake-up.
    """
    number: int = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if number < 0:
        return None
    fcntl.fcntl(number, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(number, fcntl.F_SETFL, os.O_NONBLOCK | os.O_ASYNC)
    _libc.inotify_add_watch(number, f"/proc/self/fd/{counter}".encode(), _IN_MODIFY)
    return number
