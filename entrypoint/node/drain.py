"""Drain: take no new tasks, and wait for those that run, by counting them, to our own deadline.

The server's own `--wait` isn't relied on: before 2025.3.10568 it gave up after five minutes and called the node
drained (OctopusDeploy issue 9561).
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from entrypoint import settings
from entrypoint.errors import NodeError
from entrypoint.exitcodes import ExitCode
from entrypoint.octopus import runner
from entrypoint.octopus.api import DRAINING, Api, ApiError
from entrypoint.octopus.tables import Task
from entrypoint.settings import Settings
from entrypoint.structured import Logger

from . import beside, drainage, intent, running, server


COUNT_SECONDS = 1.0
TELL_SECONDS = 30.0  # between two lines that say the same
SILENCE_SECONDS = 30.0  # a server that runs but doesn't answer for so long can't be drained
MARGIN_SECONDS = 30.0  # that the server's own wait gets beyond what it was told
UNDO = "To have it take tasks again: `octo-node undrain`."


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for; times in seconds."""

    wait: float
    cancel_tasks: bool
    cancel_wait: float


def drain(environ: Mapping[str, str], log: Logger, options: Options) -> None:
    """Drain this node. Raise NodeError: (20) tasks still run at the deadline, (21) the node can't be reached."""
    if not server.is_running(environ):
        server.refuse_if_hidden(environ)
        log.info("Octopus.Server isn't running here: there is nothing to drain.")
        return
    beside.tell(environ, log)
    deadline = time.monotonic() + options.wait
    config = settings.parse(environ)
    with intent.exclusive(environ, options.wait, log.info):
        intent.want_drained(environ)
        try:
            drainage.switch(environ, log, on=True, deadline=deadline)
            _Drain(environ, config, log, options).wait(deadline)
        except (KeyboardInterrupt, SystemExit):
            log.warning(f"Interrupted: the node is still draining. {UNDO}")
            raise


class _Drain:
    """The wait of a node that takes no new tasks."""

    def __init__(self, environ: Mapping[str, str], config: Settings, log: Logger, options: Options) -> None:
        self.environ = environ
        self.log = log
        self.options = options
        self.api = Api(config)
        self.counters = running.Counters(config, log)

    def wait(self, deadline: float) -> None:
        """Return when no task runs any more, the server is gone, or the tasks are cancelled."""
        try:
            left = self._until_done(deadline)
            if left and self.options.cancel_tasks:
                self._cancel(left)
                left = self._until_done(time.monotonic() + self.options.cancel_wait)
        except running.NeverError:
            self._leave_it_to_the_server(deadline)
            return
        if left:
            raise NodeError(ExitCode.TASKS_RUNNING, f"At the deadline {_list(left)}. The node stays drained. {UNDO}")
        self.log.info("The node is drained: no task runs on it.")

    def _until_done(self, deadline: float) -> list[Task]:
        """Return the tasks that still run at `deadline`; none as soon as there are none."""
        told = _Told(self.log)
        answered = time.monotonic()
        while server.is_running(self.environ):
            now = time.monotonic()
            try:
                tasks, drained = self.counters.tasks(), self.api.ping() == DRAINING
            except running.NeverError:
                raise
            except (running.UnknownError, ApiError) as error:
                if now - answered >= SILENCE_SECONDS or now >= deadline:
                    raise _silence(now - answered, error) from error
            else:
                # a task that was taken just before the server saw the flag must be counted: it says when it has
                answered = now
                if not tasks and drained:
                    return []
                told.tell(tasks, deadline - now)
                if now >= deadline:
                    return tasks
            time.sleep(min(COUNT_SECONDS, max(deadline - now, 0)))
        self.log.info("Octopus.Server has ended meanwhile.")
        return []

    def _cancel(self, tasks: list[Task]) -> None:
        self.log.warning(f"At the deadline {_list(tasks)}: cancelled.")
        try:
            if self.counters.cancel(tasks):
                return
        except running.UnknownError as error:
            self.log.warning("The API can't cancel tasks: the server's command line does.", reason=str(error))
        try:
            self._cancel_by_command(0.0)
        except runner.CommandError as error:  # what came of it is seen by counting
            self.log.warning(str(error).partition("\n")[0])

    def _cancel_by_command(self, wait: float) -> None:
        """Have the server cancel what runs; servers before 2024.2 know no --cancel-wait (OctopusDeploy issue 8785)."""
        cancel = [f"--wait={wait:.0f}", "--cancel-tasks"]
        seconds = wait + self.options.cancel_wait + drainage.SECONDS
        try:
            more = f"--cancel-wait={self.options.cancel_wait:.0f}"
            drainage.command(self.environ, self.log, "--drain=true", *cancel, more, seconds=seconds)
        except runner.CommandError as error:
            if "cancel-wait" not in error.output:
                raise
            drainage.command(self.environ, self.log, "--drain=true", *cancel, seconds=seconds)

    def _leave_it_to_the_server(self, deadline: float) -> None:
        wait = max(deadline - time.monotonic(), 0)
        try:
            if self.options.cancel_tasks:
                self._cancel_by_command(wait)
            else:
                limit = wait + MARGIN_SECONDS
                drainage.command(self.environ, self.log, "--drain=true", f"--wait={wait:.0f}", seconds=limit)
        except runner.CommandError as error:
            raise NodeError(
                ExitCode.TASKS_RUNNING,
                f"The server couldn't drain the node in time: {error} The node stays drained. {UNDO}",
            ) from error
        self.log.info("The server says that the node is drained.")


def _silence(seconds: float, error: Exception) -> NodeError:
    return NodeError(
        ExitCode.NODE_UNREACHABLE,
        f"Octopus.Server runs, but its tasks couldn't be counted for {seconds:.0f} s: {error}. "
        f"The node stays drained. {UNDO}",
    )


class _Told:
    """Says what runs, on each change and now and then."""

    def __init__(self, log: Logger) -> None:
        self._log = log
        self._tasks: list[Task] | None = None
        self._when = 0.0

    def tell(self, tasks: list[Task], left: float) -> None:
        """Log the running tasks, with the seconds that are left."""
        now = time.monotonic()
        if tasks and (tasks != self._tasks or now - self._when >= TELL_SECONDS):
            self._log.info(_count_down(tasks, left))
            self._when = now
        self._tasks = tasks


def _count_down(tasks: list[Task], left: float) -> str:
    minutes, seconds = divmod(max(round(left), 0), 60)
    time_left = f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
    return f"{_number(tasks)} running, {time_left} left: {_names(tasks)}"


def _list(tasks: list[Task]) -> str:
    verb = "was" if len(tasks) == 1 else "were"
    return f"{_number(tasks)} {verb} still running: {_names(tasks)}"


def _number(tasks: list[Task]) -> str:
    return "1 task" if len(tasks) == 1 else f"{len(tasks)} tasks"


def _names(tasks: list[Task]) -> str:
    return ", ".join(f"{task.id} {task.description}".strip() for task in tasks)
