"""What process 1 does to the others: starts them, asks them to end, kills them."""

import functools
import signal

from entrypoint import limits
from entrypoint.exitcodes import ExitCode
from entrypoint.paths import INSTANCE
from entrypoint.phases import Wanted

from . import drain, processes
from .children import Children, Timers, helper, start_or_retry
from .dockerd import PATIENCE, WAITER, Dockerd
from .dockerd import ROLE as DOCKERD
from .drain import Drain
from .ladder import Ladder, Rung
from .lifecycle import Action, Event, ended
from .victims import Victims


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from entrypoint.base_settings import BaseSettings

    from .children import ChildEnvironments
    from .report import Report

HELPERS = ("preflight", "prepare", "settle")
PATIENCE_SECONDS = 10.0  # with a start for which no process can be had; then the container's restart tries again
GROUP_SECONDS = 5.0  # for what the server leaves running in its process group
DOCKERD_SECONDS = 20.0  # dockerd itself gives its containers 15
REST_SECONDS = 5.0
AFTER_KILL_SECONDS = 5.0


class Node:
    """The processes of a node, which get what is in `environments`.

    `actions` has what is done for each action of the lifecycle, `due` for each deadline but a rung's; each returns the
    event that this was, if it was one.
    """

    def __init__(self, settings: "BaseSettings", environments: "ChildEnvironments", report: "Report") -> None:
        self.settings = settings
        self.environments = environments
        self.report = report
        self.children = Children()
        self.timers = Timers()
        self.dockerd = Dockerd(environments, self.children, self.timers, report, is_wanted=settings.has_dockerd)
        self.drain = Drain(environments, self.children, self.timers, report, seconds=settings.drain_on_stop)
        self.victims = Victims(settings.paths.cgroups, self.timers)
        self.ladder = Ladder(self._rungs())
        self.wanted = Wanted.UP
        self.actions: dict[Action, Callable[[], Event | None]] = {
            Action.NOTHING: lambda: None,
            Action.BEGIN: self.begin,
            Action.SEE_IF_READY: self.dockerd.gate,
            Action.START_SERVER: self.start_server,
            Action.START_SETTLE: functools.partial(self.start_helper, "settle"),
            Action.RETRY_SETTLE: lambda: self.retry("settle"),
            Action.RETRY_DOCKERD: lambda: self.retry("dockerd"),
            Action.NEXT_RUNG: self.next_rung,
            Action.SKIP_DRAIN: self.skip_drain,
            Action.KILL_RUNG: self.kill_rung,
            Action.KILL_ALL: self.kill_all,
        }
        self.due: dict[str, Callable[[], Event | None]] = {
            **{verb: functools.partial(self.start_helper, verb) for verb in HELPERS},
            "server": self.start_server,
            DOCKERD: self.dockerd.start,
            WAITER: self.dockerd.ask,
            PATIENCE: self.dockerd.overdue,
        }

    def start_helper(self, verb: str) -> Event | None:
        """Start a process of octo-node that has the secrets; return the event that it failed, if it can't be."""
        patience = None if verb == "settle" else PATIENCE_SECONDS  # a node that is up must not stay drained
        program = helper(self.environments, verb)
        try:
            start_or_retry(verb, program, self.children, self.timers, self.report, patience=patience)
        except OSError as error:
            # a limit of the container is its owner's to raise, everything else our own fault
            code = ExitCode.SETTINGS if limits.of(error) else ExitCode.FAULT
            self.children.codes[verb] = code
            self.report.fail(f"{verb}: {error.strerror}.")
            return ended(verb, code)
        return None

    def begin(self) -> Event | None:
        """Start what follows a passed preflight."""
        self.dockerd.begin()
        return self.start_helper("prepare")

    def start_server(self) -> Event | None:
        """Start Octopus.Server, without secrets but those of OCTO_NODE_KEEP_ENV."""
        program = _server_program(self.settings, self.environments)
        try:
            if not start_or_retry(
                "server", program, self.children, self.timers, self.report, patience=PATIENCE_SECONDS
            ):
                return None
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            self.children.codes["server"] = ExitCode.NOT_FOUND if missing else ExitCode.NOT_EXECUTABLE
            self.report.fail(f"{error.strerror}.")
            return Event.SERVER_EXITED
        self.report.say("info", "Octopus.Server is started.", pid=self.children.pid("server"))
        return Event.SERVER_STARTED

    def retry(self, role: str) -> Event | None:
        """Have `role` started again after a while, which doubles each time."""
        seconds = self.timers.set_again(role, self.children.lived(role))
        code = self.children.codes.get(role)
        self.report.say("warning", f"{role} ended too early and is started again in {seconds:g} s.", code=code)
        return None

    def next_rung(self) -> Event | None:
        """Go on with the stop."""
        rung = self.ladder.next()
        if rung is None:
            self.timers.clear("rung")
            return Event.NOBODY_LEFT
        self.timers.set("rung", rung.seconds)
        return None

    def skip_drain(self) -> Event | None:
        """End the drain, or don't begin with one."""
        self.drain.skip()
        return None

    def kill_rung(self) -> Event | None:
        """Kill whoever didn't end in time."""
        if self.ladder.rung is not None:
            self.report.say("warning", f"{self.ladder.rung.name}: not ended in time, killed.")
        self.ladder.kill()
        self.timers.set("rung", AFTER_KILL_SECONDS)
        return None

    def kill_all(self) -> Event | None:
        """Kill everybody at once."""
        self.timers.clear(drain.ROLE)
        if self.wanted is Wanted.DOWN:
            self.drain.tell_cut_off()
        self.ladder.kill_all(_rest())
        self.timers.set("rung", AFTER_KILL_SECONDS)
        return None

    def _rungs(self) -> "Iterator[Rung]":
        patience = self.settings.stop_timeout
        rung = functools.partial(_roles_rung, self.children)
        yield rung("helpers", (*HELPERS, WAITER), patience)
        if self.drain.is_wanted and self.wanted is Wanted.DOWN and self.children.pid("server"):
            yield self.drain.begin()
        if self.wanted is Wanted.DOWN:
            self.drain.tell_cut_off()
        yield rung("Octopus.Server", ("server",), patience, group=False)
        group = self.children.groups.get("server")
        if group is not None:
            send = functools.partial(processes.send, -group)
            yield Rung("what Octopus.Server left", GROUP_SECONDS, send=send, are_alive=lambda: send(0))
        yield rung("dockerd", ("dockerd",), DOCKERD_SECONDS)
        yield _rest()


def _server_program(settings: "BaseSettings", environments: "ChildEnvironments") -> processes.Program:
    command = [*(settings.paths.server_command() or ["Octopus.Server"]), "run"]
    mode = settings.service_mode
    options = [f"--instance={INSTANCE}", "--noninteractive", *([f"--service-mode={mode}"] if mode else [])]
    program = processes.Program([*command, *options], environments.server)
    program.parent_death = signal.SIGTERM
    return program


def _rest() -> Rung:
    return Rung("the rest", REST_SECONDS, send=processes.send_everybody, are_alive=processes.have_children)


def _roles_rung(children: Children, name: str, roles: tuple[str, ...], seconds: float, *, group: bool = True) -> Rung:
    def send(number: int) -> None:
        children.send(roles, number, group=group and number == signal.SIGKILL)

    return Rung(name, seconds, send=send, are_alive=lambda: children.any_alive(roles))
