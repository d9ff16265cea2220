"""Process 1 of a node: it starts, stops and reaps the others, and learns from a child only its exit status.

The loop: wait for a signal or the nearest deadline; reap; let the lifecycle say what follows.
"""

import os
import time

from entrypoint import __version__
from entrypoint.base import log_relay, oom, prctl, redact, stdio, termination_message
from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode, of_signal
from entrypoint.base.phases import Phase, Wanted
from entrypoint.settings import variables
from entrypoint.settings.base_settings import BaseSettings
from entrypoint.settings.environment import Environment

from . import oom_watch, reexec, server_log, signals, stop_drain
from .children import ChildEnvironments
from .dockerd import WAITER
from .lifecycle import Event, step
from .node_processes import HELPERS, NodeProcesses
from .report import Report


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_BOOTING = {Phase.PREFLIGHT, Phase.PREPARING, Phase.STARTING}
_GOING_UP = {*_BOOTING, Phase.UP, Phase.HELD}
_ORPHANS = "the count of orphans"
_ORPHANS_SECONDS = 5.0  # after which it is published, if nothing else was until then
_STOPS = (Event.STOP_ASKED, Event.STOP_ASKED_AGAIN, Event.STOP_INSISTED)


def run(environ: "Mapping[str, str]") -> int:
    """Supervise a node until no process is left; return the container's exit code."""
    stdio.fill()
    try:
        reexec.execute_without(environ)
    except NodeError as error:
        termination_message.write(BaseSettings(Environment(environ)).termination_log, str(error))
        raise
    prctl.hide_memory()
    signals.take_over()
    if os.getpid() != 1:
        prctl.become_subreaper()
    environment = Environment(environ)
    environment.read_files()  # now: a file server that hangs later must not hold up a stop
    settings = BaseSettings(environment)
    environments = ChildEnvironments(environment, settings)
    report = Report(settings, redact.forms(environment.text(name) for name in variables.SECRETS), environments.learnt)
    return Supervisor(NodeProcesses(settings, environments, report), report).run()


class Supervisor:
    """The loop of process 1 around `node`; what it does is said through `report`."""

    def __init__(self, node: NodeProcesses, report: Report) -> None:
        self.node = node
        self.report = report
        self.phase = Phase.PREFLIGHT
        self.stops: list[int] = []  # the signals that asked for a stop
        self.over = False
        self.told_orphans = 0

    def run(self) -> int:
        """Run until no process is left; return the exit code."""
        self._greet()
        self._publish()  # before somebody is there who writes beside it
        self.node.http.start()
        self._happen(self.node.start_helper("preflight"))
        while not self.over:
            number = signals.wait(self.node.timers.nearest())
            self._reap()
            if number is not None:
                self._take(number)
            self._pass_deadlines()
            while self.node.shutdown.is_clear():
                self._happen(Event.STAGE_CLEARED)
        code = self._exit_code()
        self._publish(code=code, ended=time.time())
        self.report.say("info", f"octo-node exits with code {code}.")
        return code

    def _greet(self) -> None:
        number = os.getpid()
        self.report.say("info", f"octo-node {__version__} is process {number}.")
        if number != 1:
            self.report.say("info", "Not process 1: orphans are adopted as a subreaper, and only they are reaped.")
        problem = self.report.folder_problem()
        if problem:
            self.report.say("warning", problem)

    def _publish(self, **fields: object) -> None:
        server, dockerd = self.node.children.published("server"), self.node.dockerd.published()
        stage, self.told_orphans = self.node.shutdown.stage, self.node.children.orphans
        fields |= {"server": server, "dockerd": dockerd, "oom_kills_before": self.node.oom_watch.before}
        fields |= {"reaped": self.told_orphans, "stage": None if stage is None else stage.name}
        self.report.state(self.phase, self.node.wanted, **fields)

    def _happen(self, event: Event | None) -> None:
        """Let the lifecycle answer `event`, and what follows from the answer."""
        while event is not None:
            before = self.phase
            self.phase, action = step(self.phase, event)
            self.over = self.over or event is Event.NOBODY_LEFT
            if self.phase is not before:
                self.report.say("info", f"The node is {self.phase}.")
            event = self.node.actions[action]()
            self._publish()

    def _reap(self) -> None:
        ends = list(self.node.children.reap())
        # after that: the kernel counts whom it kills before it does
        if self.node.oom_watch.look():
            self.report.say("error", oom.sentence(self.node.oom_watch.news))
        for role, status in ends:
            code = self.node.children.codes[role]
            if role == server_log.ROLE:
                self.node.server_log.ended(code)
                continue
            if role == WAITER:
                self.node.dockerd.ask_again(code)
            if role == "server":
                self._tell_servers_end(code)
            elif status & 0x7F and self.phase in _BOOTING and role in HELPERS:
                why = self.node.oom_watch.explain(code)
                self.report.fail(f"{role} was ended by signal {signals.name(status & 0x7F)}.{why}")
            self._happen(self.node.hold.meaning(role, code))
        if self.node.children.orphans != self.told_orphans and not self.node.timers.is_set(_ORPHANS):
            self.node.timers.set(_ORPHANS, _ORPHANS_SECONDS)

    def _tell_servers_end(self, code: int) -> None:
        if self.phase in {Phase.STARTING, Phase.UP}:
            self.report.end_of_server(code, self.node.settings.paths.log_file, self.node.oom_watch.explain(code))
        else:
            self.report.say("info", f"Octopus.Server ended with exit code {code}.")

    def _take(self, number: int) -> None:
        if number == signals.CHILD:
            return
        if number == log_relay.SIGNAL:
            self.report.relay()
            return
        if number == signals.MEMORY:
            self.node.oom_watch.changed()
            return
        if number not in signals.STOPS:
            obstacle = self.node.children.hand_on("server", number)
            if obstacle:
                left_out = f"Signal {signals.name(number)} isn't forwarded: {obstacle}."
                self.report.say("warning", f"{left_out} A stop is TERM, INT or QUIT.")
            return
        self.stops.append(number)
        self.node.wanted = Wanted.DOWN
        self.report.say("info", f"Signal {signals.name(number)}: the node is asked to stop.", times=len(self.stops))
        self._happen(_STOPS[min(len(self.stops), len(_STOPS)) - 1])

    def _pass_deadlines(self) -> None:
        for name in self.node.timers.take_due():
            if name == "stage":
                self._happen(Event.KILL_FAILED if self.node.shutdown.killed else Event.DEADLINE_PASSED)
            elif name == stop_drain.ROLE:
                self.node.drain.start()
            elif name == _ORPHANS:
                self._publish()
            elif name == oom_watch.ROLE:
                self.node.oom_watch.listen()
                self._reap()
            elif self.phase in _GOING_UP or name == server_log.ROLE:
                self._happen(self.node.due[name]())
                self._publish()

    def _exit_code(self) -> int:
        codes = self.node.children.codes
        if self.phase is Phase.FAILED:
            return next((codes[role] for role in reversed(HELPERS) if codes.get(role)), ExitCode.FAULT)
        if "server" in codes:
            # tasks that a drain couldn't save are no stop in order; who asked twice knows what is cut off
            return codes["server"] or (
                codes.get("drain", ExitCode.DONE) if self.node.drain.is_wanted else ExitCode.DONE
            )
        return of_signal(self.stops[0]) if self.stops else ExitCode.FAULT
