"""Supervision of dockerd in process 1: started, waited for by another process, and restarted on its own."""

import signal

from entrypoint.base import command_lines
from entrypoint.base.exitcodes import ExitCode

from . import processes
from .lifecycle import Event


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from .children import Starter

ROLE = "dockerd"
WAITER = "await-dockerd"  # ends when dockerd answers: process 1 has no sockets
# what it ends with then, and what that means: dockerd starts containers, or answers and starts none
_ANSWERS: "Mapping[int | None, str]" = {ExitCode.DONE: "ready", ExitCode.DOCKER_IN_DOCKER: "failing"}
STOP_SECONDS = 20.0  # between TERM and KILL; dockerd itself gives its containers 15
PATIENCE = "dockerd's patience"
PATIENCE_SECONDS = 30.0  # the start of the server is held up no longer


class Dockerd:
    """dockerd and the process that waits for its answer, among the `children` of process 1, if it `is_wanted`."""

    def __init__(self, starter: "Starter", *, is_wanted: bool) -> None:
        self._starter = starter
        self._children = starter.children
        self._timers = starter.timers
        self._report = starter.report
        self._restarts = -1
        self._is_overdue = False
        self._is_wanted = is_wanted

    def begin(self) -> None:
        """Start it for the first time, if it is wanted."""
        if self._is_wanted:
            self.start()

    def start(self) -> None:
        """Start it, and the process that waits for its answer."""
        is_held_up = not self._is_overdue and "server" not in self._children.groups
        if is_held_up and not self._timers.is_set(PATIENCE):
            self._timers.set(PATIENCE, PATIENCE_SECONDS)
        self._children.codes.pop(WAITER, None)
        # the launcher becomes dockerd, with the same pid
        if self._start(ROLE, "start-dockerd", signal.SIGTERM):
            self._restarts += 1
            self._report.say("info", "dockerd is started.", pid=self._children.pid(ROLE))
        self.ask()

    def ask(self) -> None:
        """Start the process that waits for its answer, unless it runs."""
        if self._children.pid(WAITER) is None:
            self._start(WAITER, WAITER, signal.SIGKILL)

    def _start(self, role: str, verb: str, parent_death: int) -> bool:
        program = processes.Program(command_lines.own(verb), self._starter.environments.public)
        program.parent_death = parent_death
        return self._starter.start_or_retry(role, program)

    def gate(self) -> Event | None:
        """Return READY_TO_START once prepare has ended well and dockerd answers, or has had its time."""
        if self._answers():
            self._timers.clear(PATIENCE)
        prepared = self._children.codes.get("prepare") == ExitCode.DONE
        is_waited_for = self._is_wanted and not self._is_overdue and not self._answers()
        return Event.READY_TO_START if prepared and not is_waited_for else None

    def _answers(self) -> bool:
        return self._children.pid(ROLE) is not None and self._children.codes.get(WAITER) in _ANSWERS

    def wait_no_more(self) -> None:
        """Nobody waits for it: the node is held."""
        self._is_overdue = True
        self._timers.clear(PATIENCE)

    def overdue(self) -> Event:
        """Say that dockerd hasn't answered and started a container in time."""
        self._is_overdue = True
        self._report.say(
            "warning",
            f"dockerd isn't ready after {PATIENCE_SECONDS:g} s, and Octopus.Server no longer waits for it: "
            "steps in execution containers fail until it does. Its own log lines, above, say why.",
        )
        return Event.DOCKERD_OVERDUE

    def published(self) -> "Mapping[str, object] | None":
        """Return what the state file tells of it; None if it isn't wanted, or not started yet."""
        due = self._timers.is_set(ROLE)
        if self._restarts < 0 and not due:
            return None
        running = self._children.published(ROLE)
        if running:
            state = _ANSWERS.get(self._children.codes.get(WAITER), "starting")
        else:
            state = "restarting" if due else "ended"
        return {**(running or {}), "state": state, "restarts": max(self._restarts, 0)}
