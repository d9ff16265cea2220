"""The server's own wait for its tasks, and its own way to cancel them: used where octo-node can't count or cancel."""

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

        It is asked again and again, because it fails while SQL Server is away. Raise NodeError (20) at the deadline.
        """
        while self._process.lives:
            wait = max(self._deadlines.left, 0.0)
            try:
                if cancel_wait is not None:
                    self.cancel(wait, cancel_wait)
                else:
                    self._run("--drain=true", f"--wait={wait:.0f}", seconds=wait + END_SECONDS)
            except CommandError as error:
                if self._deadlines.left <= AGAIN_SECONDS:
                    raise NodeError(
                        ExitCode.TASKS_RUNNING, f"The server couldn't drain the node in time: {error} {UNDO}"
                    ) from error
                self._log.warning(f"{str(error).splitlines()[0]} It will be retried.")
                time.sleep(AGAIN_SECONDS)
            else:
                self._log.info("The server says that the node is drained.")
                return
        self._log.info("Octopus.Server has ended in the meantime.")

    def cancel(self, wait: float, cancel_wait: float) -> None:
        """Have the server cancel what still runs after `wait` seconds. Raise CommandError.

        Servers before 2024.2 know no --cancel-wait (OctopusDeploy issue 8785).
        """
        options = ["--drain=true", f"--wait={wait:.0f}", "--cancel-tasks"]
        seconds = wait + cancel_wait + END_SECONDS
        try:
            self._run(*options, f"--cancel-wait={cancel_wait:.0f}", seconds=seconds)
        except CommandError as error:
            if "cancel-wait" not in error.output:
                raise
            self._run(*options, seconds=seconds)

    def _run(self, *options: str, seconds: float) -> None:
        self._command.run(*options, seconds=self._deadlines.limit(seconds))
