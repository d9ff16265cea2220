"""Supervision of the engine in process 1: started, waited for by another process, and restarted on its own.

An engine that runs elsewhere has a process here that watches it, and ends when the engine is lost.
"""

import signal

from entrypoint.base import command_lines
from entrypoint.base.exitcodes import ExitCode
from entrypoint.settings.base_settings import EXTERNAL, NONE

from . import processes
from .lifecycle import Event


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from entrypoint.settings.base_settings import BaseSettings

    from .children import Starter

ROLE = "dockerd"
WAITER = "await-dockerd"  # ends when the engine answers: process 1 has no sockets
# what it ends with then, and what that means: the engine starts containers, or answers and starts none
_ANSWERS: "Mapping[int | None, str]" = {ExitCode.DONE: "ready", ExitCode.DOCKER_IN_DOCKER: "failing"}
STOP_SECONDS = 20.0  # between TERM and KILL; dockerd itself gives its containers 15
AGAIN_SECONDS = 300.0  # before one that answers and starts no container is tried again
PATIENCE = "dockerd's patience"
PATIENCE_SECONDS = 30.0  # the start of the server is held up no longer
# what it is called, and what is said of it: that it is started, or gone
_OURS = ("dockerd", "is started", "exited unexpectedly and will be restarted")


def _others(host: str) -> tuple[str, str, str]:
    return f"The engine at {host}", "is waited for; octo-node starts none", "is lost and will be looked for again"


def _start(starter: "Starter", role: str, verb: str, parent_death: int) -> bool:
    program = processes.Program(command_lines.own(verb), starter.environments.public)
    program.parent_death = parent_death
    return starter.start_or_retry(role, program)


class Dockerd:
    """dockerd, or who watches another engine, and the process that waits for its answer, as `settings` want it."""

    def __init__(self, starter: "Starter", settings: "BaseSettings") -> None:
        self._starter = starter
        self._children = starter.children
        self._timers = starter.timers
        self._report = starter.report
        self._restarts = -1
        self._is_overdue = False
        self._is_wanted = settings.containers != NONE
        self._is_ours = settings.containers != EXTERNAL
        self._way = settings.containers
        self._name, self._started, self._lost = _OURS if self._is_ours else _others(settings.engine)

    def start(self) -> None:
        """Start it, and the process that waits for its answer, if it is wanted."""
        if not self._is_wanted:
            return
        is_held_up = not self._is_overdue and "server" not in self._children.groups
        if is_held_up and not self._timers.is_set(PATIENCE):
            self._timers.set(PATIENCE, PATIENCE_SECONDS)
        self._children.codes.pop(WAITER, None)
        # the launcher becomes dockerd, with the same pid
        verb = "start-dockerd" if self._is_ours else "watch-engine"
        if _start(self._starter, ROLE, verb, signal.SIGTERM):
            self._restarts += 1
            told = {"pid": self._children.pid(ROLE)} if self._is_ours else {}
            self._report.say("info", f"{self._name} {self._started}.", **told)
        self.ask()

    def ask(self) -> None:
        """Start the process that waits for its answer, unless it runs."""
        if self._children.pid(WAITER) is None:
            _start(self._starter, WAITER, WAITER, signal.SIGKILL)

    def ask_again(self, code: int) -> None:
        """Have it tried again after a while, if the process that waited for it ended with the `code` of a failed trial.

        A full disk, for example, may be emptied without a restart.
        """
        if code == ExitCode.DOCKER_IN_DOCKER:
            self._timers.set(WAITER, AGAIN_SECONDS)

    def gate(self) -> Event | None:
        """Return READY_TO_START once prepare has ended well and dockerd answers, or has had its time."""
        if self._answers():
            self._timers.clear(PATIENCE)
        prepared = self._children.codes.get("prepare") == ExitCode.DONE
        is_waited_for = self._is_wanted and not self._is_overdue and not self._answers()
        return Event.READY_TO_START if prepared and not is_waited_for else None

    def _answers(self) -> bool:
        return self._children.pid(ROLE) is not None and self._children.codes.get(WAITER) in _ANSWERS

    def retry(self) -> None:
        """Have it started, or waited for, again after a while, which doubles each time."""
        seconds = self._timers.set_again(ROLE, self._children.lived(ROLE))
        code = self._children.codes.get(ROLE)
        told = {"code": code} if self._is_ours or code else {}
        self._report.say("warning", f"{self._name} {self._lost} in {seconds:g} s.", **told)

    def wait_no_more(self) -> None:
        """Nobody waits for it: the node is held."""
        self._is_overdue = True
        self._timers.clear(PATIENCE)

    def overdue(self) -> Event:
        """Say that it hasn't answered and started a container in time."""
        self._is_overdue = True
        self._report.say(
            "warning",
            f"{self._name} isn't ready after {PATIENCE_SECONDS:g} s, and Octopus.Server no longer waits for it: "
            "steps in execution containers fail until it is. The log lines above say why.",
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
        process = running if running and self._is_ours else {}
        return {**process, "state": state, "restarts": max(self._restarts, 0), "way": self._way}
