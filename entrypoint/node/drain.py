"""Drain: take no new tasks, and wait for those that run, by counting them, to our own deadline.

The server's own `--wait` isn't relied on: before 2025.3.10568 it gave up after five minutes and called the node
drained (OctopusDeploy issue 9561). Nothing that is in the way, SQL Server included, ends a drain before its deadline,
but a server that is dead; and nothing in it lasts longer than GRACE_SECONDS beyond.
"""

import time
from dataclasses import dataclass

from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode
from entrypoint.octopus.command_runner import CommandError, Runner
from entrypoint.octopus.running_task import Task
from entrypoint.settings.configuration import Configuration, Settings
from entrypoint.structured_log import Logger

from . import double_drain_warning, drain_flag, drain_lock, server_process
from .container_log import CutOffNote
from .drain_deadlines import Deadlines
from .drain_messages import Tally, ThrottledLog, count_down, duration, still_running
from .server_wait import UNDO, ServerWait
from .task_counters import NeverError, NodeWatch, Observation, UnknownError


TYPE_CHECKING = False
if TYPE_CHECKING:
    from .drain_view import DrainView

COUNT_SECONDS = 1.0
SILENCE_SECONDS = 30.0  # a server that answers nothing for so long, while SQL Server does, can't be drained
GRACE_SECONDS = 30.0  # that a drain may last beyond --wait and --cancel-wait: a command that has begun, the last look
CANCEL_SECONDS = 10.0  # for all answers of the API together


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for; times in seconds."""

    wait: float
    cancel_tasks: bool
    cancel_wait: float


def drain(
    configuration: Configuration, runner: Runner, log: Logger, options: Options, view: "DrainView | None" = None
) -> None:
    """Drain this node; `runner` runs the server's command, `view` shows the tasks.

    Raise NodeError: (20) tasks still run at the deadline, (21) the node can't be reached.
    """
    base = configuration.base
    folder = server_process.find_folder(base)
    found = server_process.find(base.paths, folder)
    if found is None:
        log.info("Octopus.Server isn't running here: there is nothing to drain.")
        return
    double_drain_warning.warn(base, folder, log)
    deadlines = Deadlines(options.wait, options.cancel_wait if options.cancel_tasks else 0.0, GRACE_SECONDS)
    settings = configuration.settings()
    with drain_lock.draining(folder, options.wait, log):
        drain_lock.want_drained(folder, log)
        note = CutOffNote(folder, server_process.supervisor(folder, found))
        try:
            _Drain(settings, runner, log, deadlines, found, Audience(note, view)).run(options)
        except (KeyboardInterrupt, SystemExit):
            log.warning(f"Interrupted: the node is still draining. {UNDO}")
            raise


@dataclass(frozen=True, slots=True)
class Audience:
    """Who else than the log is kept up to date: process 1 by a note, and a terminal."""

    note: CutOffNote
    view: "DrainView | None"


class _Drain:
    """The wait of a node that takes no new tasks."""

    def __init__(
        self,
        settings: Settings,
        runner: Runner,
        log: Logger,
        deadlines: Deadlines,
        process: server_process.Process,
        audience: Audience,
    ) -> None:
        self.log = log
        self.deadlines = deadlines
        self.process = process
        self.watch = NodeWatch(settings, log)
        self.tasks, self.trouble = ThrottledLog(log), ThrottledLog(log)
        self.note, self.view = audience.note, audience.view
        self.tally = Tally()
        command = drain_flag.NodeCommand(settings.base.paths, runner, self._tick)
        self.switch = drain_flag.DrainFlag(command, log, on=True)
        self.own = ServerWait(command, log, deadlines, process)
        self.mute_since: float | None = None

    def run(self, options: Options) -> None:
        """Return when no task runs any more, the server is gone, or the tasks are cancelled."""
        try:
            look = self._until_done()
            if look is not None and look.tasks and options.cancel_tasks:
                self._cancel(look.tasks, options.cancel_wait)
                look = self._until_done()
        except NeverError as error:
            self.note.write_unknown(str(error))
            self.own.wait(options.cancel_wait if options.cancel_tasks else None)
        else:
            self._conclude(look)
        self.note.remove()

    def _until_done(self) -> Observation | None:
        """Return what was seen at the deadline; None as soon as no task runs and none can come."""
        while self.process.lives:
            # tried once in any case, and not begun again at the end: a command may last beyond the deadline, once
            if self.switch.error is None or self.deadlines.left > drain_flag.LEAST_SECONDS:
                self.switch.try_again(self.deadlines.left)
            look = self.watch.look(self.deadlines)
            self.switch.seen(look.flagged)
            self.note.write(look)
            self.tally.see(look.tasks)
            # a task that was taken just before the server saw the flag must be counted: it says when it has
            if look.tasks == [] and look.draining and self.switch.is_set:
                self.log.info(f"The node is drained: no task runs on it. {self.tally.sentence()}")
                return None
            self._refuse_if_dead(look)
            if self.deadlines.is_over:
                return look
            self._tell(look)
            time.sleep(min(COUNT_SECONDS, max(self.deadlines.left, 0)))
        self.log.info("Octopus.Server has ended in the meantime.")
        return None

    def _refuse_if_dead(self, look: Observation) -> None:
        """Raise NodeError (21) for a server that has answered nothing for long, while SQL Server did."""
        if look.server_answers or not look.database_answers:
            self.mute_since = None
            return
        now = time.monotonic()
        self.mute_since = self.mute_since or now
        if now - self.mute_since >= SILENCE_SECONDS:
            running = f"According to the database, {still_running(look.tasks)}. " if look.tasks else ""
            raise NodeError(
                ExitCode.NODE_UNREACHABLE,
                f"Octopus.Server runs, but has answered nothing for {now - self.mute_since:.0f} s, though SQL Server "
                f"does: {look.trouble}. {running}{self._state()}",
            )

    def _tell(self, look: Observation) -> None:
        left = duration(self.deadlines.left)
        if look.tasks:
            said = count_down(look.tasks, self.deadlines.left)
            self.tasks.tell(look.tasks, said, is_shown=self.view is not None)
            if self.view is not None:
                self.view.show(look.tasks, self.deadlines.left)
        elif look.tasks is not None:
            self.tasks.tell("none", f"No task runs, but the node may still take new ones, {left} left.")
        if look.tasks is None:
            said = f"The running tasks can't be counted and will be retried, {left} left: {look.trouble}."
            self.trouble.tell(look.trouble, said, is_trouble=True)
        elif look.trouble:
            self.trouble.tell(look.trouble, f"Octopus.Server isn't healthy: {look.trouble}.", is_trouble=True)
        else:
            self.trouble.rest()

    def _tick(self) -> None:
        left = duration(self.deadlines.left)
        self.trouble.tell("command", f"The server's `node` command hasn't ended yet, {left} left.")

    def _conclude(self, look: Observation | None) -> None:
        """Tell what came of it. Raise NodeError unless no task runs."""
        if look is None:
            return
        self.log.info(self.tally.sentence())
        if look.tasks is None:
            raise NodeError(
                ExitCode.NODE_UNREACHABLE,
                f"At the deadline the running tasks couldn't be counted: {look.trouble}. {self._state()}",
            )
        if look.tasks:
            raise NodeError(ExitCode.TASKS_RUNNING, f"At the deadline {still_running(look.tasks)}. {self._state()}")
        if not self.switch.is_set:
            raise self.switch.failure()
        self.log.info("No task runs on the node, but it hasn't confirmed in time that it takes no new ones.")

    def _state(self) -> str:
        """Return in words whether the node is left draining."""
        if self.switch.is_set:
            return f"The node stays draining. {UNDO}"
        return f"The flag that drains it couldn't be set. {UNDO}"

    def _cancel(self, tasks: list[Task], wait: float) -> None:
        self.log.warning(f"At the deadline {still_running(tasks)}: cancelled now.")
        self.deadlines.begin_cancelling()
        self.tally.cancel(tasks)
        try:
            if self.watch.cancel(tasks, time.monotonic() + CANCEL_SECONDS):
                return
        except UnknownError as error:
            self.log.warning("The API can't cancel tasks: the server's command line does.", reason=str(error))
        try:
            self.own.cancel(0.0, wait)
        except CommandError as error:  # what came of it is seen by counting
            self.log.warning(str(error).partition("\n")[0])
