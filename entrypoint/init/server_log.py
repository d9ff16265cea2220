"""What Octopus.Server writes, as JSON: its output goes through a process that wraps each line.

That process reads until nobody has the other end any more, so it ends after the server and whatever that left. Process
1 keeps the end that it reads from, so a wrapper that was killed is replaced: at most what it had read is lost.
"""

import os

from entrypoint.base import command_lines

from . import processes, signals


TYPE_CHECKING = False
if TYPE_CHECKING:
    from .children import Starter

ROLE = "wrap-log"
_LIVED_SECONDS = 0.2  # one that lived so long is replaced at once: the server may wait for it


class ServerLog:
    """The process that wraps the server's lines, among the `children` of process 1, if it `is_wanted`."""

    def __init__(self, starter: "Starter", *, is_wanted: bool) -> None:
        self._starter = starter
        self._children = starter.children
        self._timers = starter.timers
        self._report = starter.report
        self._is_wanted = is_wanted
        self._read: int | None = None

    def attach(self, server: processes.Program) -> None:
        """Start the wrapper, and have `server`, which is to be started next, write to it.

        Where nothing is wrapped, the server writes where process 1 does.
        """
        if not self._is_wanted:
            return
        if self._read is not None:  # the server is started once more, because it couldn't be before
            os.close(self._read)
        try:
            self._read, server.output = os.pipe2(os.O_CLOEXEC)
        except OSError as error:
            self._read = None
            self._report.say("warning", f"Octopus.Server's lines aren't wrapped: {error.strerror}.")
            return
        self.start()

    def start(self) -> None:
        """Start the wrapper, or have that tried again."""
        self._timers.clear(ROLE)  # two that read from one pipe would tear the lines apart
        wrapper = processes.Program(command_lines.own(ROLE), self._starter.environments.public)
        wrapper.input = self._read
        wrapper.mask = frozenset(signals.STOPS)  # the writers are ended first, and their last lines count
        self._starter.start_or_retry(ROLE, wrapper)

    def detach(self, server: processes.Program) -> None:
        """Leave the other end to `server` alone, which was started, or couldn't be."""
        if server.output is not None:
            os.close(server.output)
            server.output = None

    def ended(self, code: int) -> None:
        """Replace the wrapper, which ended with `code`, unless nobody writes any more."""
        if not code:
            return
        lived = self._children.lived(ROLE)
        self._report.say("warning", "The process that wraps Octopus.Server's lines ended, and is replaced.", code=code)
        if lived >= _LIVED_SECONDS:
            self.start()
        else:
            self._timers.set_again(ROLE, lived)
