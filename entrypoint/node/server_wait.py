"""The server's own wait for its tasks, and its own way to cancel them: used where octo-node can't count or cancel."""

import re
import time

from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode
from entrypoint.octopus.command_runner import CommandError
from entrypoint.structured_log import Logger

from . import server_process
from .drain_deadlines import Deadlines
from .drain_flag import NodeCommand


END_SECONDS = 10.0  # that a command gets to end after what it waits for itself
AGAIN_SECONDS = 5.0  # before it is asked once more
LEAST_SECONDS = 5  # that it waits at least: what it says at the end of a wait of 0 tells nothing
# what it prints with an exit code of 0 though tasks run: it gave up before 2025.3.10568 (OctopusDeploy issue 9561), and
# whether it fails at the end of its wait isn't published
_GAVE_UP = re.compile(r"considered drained", re.IGNORECASE)
_STILL_RUNNING = re.compile(r"still ha(?:s|ve) [1-9]\d* running", re.IGNORECASE)
UNDO = "To take tasks again, run `octo-node undrain`."


class ServerWait:
    """`node --drain=true --wait=...` within `deadlines`, while the server `process` lives."""

    def __init__(
        self, command: NodeCommand, log: Logger, deadlines: Deadlines, process: server_process.Process
    ) -> None:
        self._command = command
        self._log = log
        self._deadlines = deadlines
        self._process = process

    def wait(self, cancel_wait: float | None) -> None:
        """Have the server wait until the deadline, then cancel what runs unless `cancel_wait` is None.

        It is asked again and again, because it fails while SQL Server is away, and may give up too soon. Raise
        NodeError (20) at the deadline.
        """
        while self._process.lives:
            doubt = self._doubt(max(round(self._deadlines.left), LEAST_SECONDS), cancel_wait)
            if not doubt:
                self._log.info("The server says that the node is drained.")
                return
            if self._deadlines.left <= AGAIN_SECONDS:
                raise NodeError(ExitCode.TASKS_RUNNING, f"The server couldn't drain the node in time: {doubt} {UNDO}")
            self._log.warning(f"{doubt.splitlines()[0]} It will be retried.")
            time.sleep(AGAIN_SECONDS)
        self._log.info("Octopus.Server has ended in the meantime.")

    def _doubt(self, wait: int, cancel_wait: float | None) -> str:
        """Have the server wait for `wait` seconds; return why the node may not be drained, empty if it is."""
        begun = time.monotonic()
        try:
            if cancel_wait is None:
                output = self._run("--drain=true", f"--wait={wait}", seconds=wait + END_SECONDS)
            else:
                output = self.cancel(wait, cancel_wait)
        except CommandError as error:
            return str(error)
        last = output.rpartition("\n")[2]
        if _GAVE_UP.search(output):
            return "The server gave up its wait and only considers the node drained (OctopusDeploy issue 9561)."
        if _STILL_RUNNING.search(last):
            return f"The server ended its wait though tasks run: {last}"
        if time.monotonic() - begun >= wait + (cancel_wait or 0.0):
            return "The server waited as long as it was to, and doesn't tell whether tasks still run."
        return ""

    def cancel(self, wait: float, cancel_wait: float) -> str:
        """Have the server cancel what still runs after `wait` seconds; return what it printed. Raise CommandError.

        Servers before 2024.2 know no --cancel-wait (OctopusDeploy issue 8785).
        """
        options = ["--drain=true", f"--wait={wait:.0f}", "--cancel-tasks"]
        seconds = wait + cancel_wait + END_SECONDS
        try:
            return self._run(*options, f"--cancel-wait={cancel_wait:.0f}", seconds=seconds)
        except CommandError as error:
            if "cancel-wait" not in error.output:
                raise
            return self._run(*options, seconds=seconds)

    def _run(self, *options: str, seconds: float) -> str:
        return self._command.run(*options, seconds=self._deadlines.limit(seconds))
