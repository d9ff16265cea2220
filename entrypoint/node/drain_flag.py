"""The server's own drain flag: a column of the node's row in the database, set through its command line."""

import time
from collections.abc import Callable

from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode
from entrypoint.octopus import commandline
from entrypoint.octopus.command_runner import CommandError, Runner
from entrypoint.settings.paths import Paths
from entrypoint.structured_log import Logger


# for one command, at first: it waits for nothing but SQL Server, and one that waits for an answer that never comes
# doesn't notice that SQL Server is back
SECONDS = 30.0
LEAST_SECONDS = 10.0  # whatever the deadline says: .NET takes seconds to start
END_SECONDS = 5.0  # between TERM and KILL: it writes one row
RETRY_SECONDS = (2.0, 30.0)  # before the flag is set again: after the first failure, and at most


class NodeCommand:
    """`Octopus.Server node`, run by `runner`; `tick` is called now and then while it runs."""

    def __init__(self, paths: Paths, runner: Runner, tick: Callable[[], None]) -> None:
        self._paths = paths
        self._runner = runner
        self._tick = tick

    def run(self, *options: str, seconds: float = SECONDS) -> str:
        """Run it with `options`, for `seconds` + END_SECONDS at most; return the end of what it printed.

        Raise CommandError if it fails.
        """
        line = commandline.server(self._paths, "node", *options)
        return self._runner.run(line, "node", seconds=seconds, tick=self._tick, end_seconds=END_SECONDS)


class DrainFlag:
    """Sets the flag (`on`) or takes it away, and tries again while that fails: SQL Server may be away for a while.

    `is_set` is whether the flag is as wanted: a command said so, or the node showed it. `error` is the last failure.
    """

    def __init__(self, command: NodeCommand, log: Logger, *, on: bool) -> None:
        self._command = command
        self._log = log
        self._on = on
        self._pause, self._next, self._limit = RETRY_SECONDS[0], 0.0, SECONDS
        self.is_set = False
        self.error: NodeError | None = None

    def try_again(self, seconds: float) -> None:
        """Run the command if that is due, with half of `seconds`, what is left: so there is time for another one.

        It has not less than .NET needs, and after each that took too long twice as much.
        """
        if self.is_set or time.monotonic() < self._next:
            return
        limit = round(max(min(seconds / 2, self._limit), LEAST_SECONDS), 1)
        begun = time.monotonic()
        try:
            self._command.run(f"--drain={str(self._on).lower()}", seconds=limit)
            self.is_set = True
        except CommandError as error:
            self.error = error
            self._log.warning(f"{error.args[0].splitlines()[0]} It will be retried.")
            if time.monotonic() - begun >= limit:
                self._limit *= 2
            self._next = time.monotonic() + self._pause
            self._pause = min(self._pause * 2, RETRY_SECONDS[1])

    def seen(self, draining: bool | None) -> None:  # noqa: FBT001 - what was seen, which may be nothing
        """Take note of what the node shows: a command that failed may have set the flag all the same."""
        if draining is self._on and not self.is_set:
            self.is_set = True
            if self.error is not None:
                self._log.info("The node shows that the flag is set, though the command failed.")

    def failure(self) -> NodeError:
        """Return what to raise if it stays as it is."""
        verb = "drained" if self._on else "undrained"
        said = f" {self.error}" if self.error is not None else ""
        return NodeError(
            ExitCode.NODE_UNREACHABLE,
            f"The node can't be {verb}:{said} Check whether SQL Server answers (`octo-node check`).",
        )
