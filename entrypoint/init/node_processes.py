"""The processes of a node, as process 1 starts them, asks them to stop, and kills them."""

import functools
import signal

from entrypoint.base import resource_limits
from entrypoint.base.exitcodes import ExitCode
from entrypoint.base.phases import Wanted
from entrypoint.settings.paths import INSTANCE

from . import http_server, processes, server_log, stop_drain
from .children import Children, Starter
from .dockerd import PATIENCE, STOP_SECONDS, WAITER, Dockerd
from .dockerd import ROLE as DOCKERD
from .hold import Hold
from .http_server import HttpServer
from .lifecycle import Action, Event
from .oom_watch import OomWatch
from .server_log import ServerLog
from .shutdown import Shutdown, Stage
from .stop_drain import StopDrain


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from entrypoint.settings.base_settings import BaseSettings

    from .children import ChildEnvironments
    from .report import Report

HELPERS = ("preflight", "prepare", "settle")
PATIENCE_SECONDS = 10.0  # with a start for which no process can be had; then the container's restart tries again
GROUP_SECONDS = 5.0  # for what the server leaves running in its process group
REST_SECONDS = 5.0
AFTER_KILL_SECONDS = 5.0


class NodeProcesses:
    """The processes of a node, which get what is in `environments`.

    `actions` has what is done for each action of the lifecycle, `due` for each deadline but a stage's; each returns the
    event that this was, if it was one.
    """

    def __init__(self, settings: "BaseSettings", environments: "ChildEnvironments", report: "Report") -> None:
        self.settings = settings
        self.report = report
        self.starter = Starter(environments, report)
        self.children, self.timers = self.starter.children, self.starter.timers
        self.dockerd = Dockerd(self.starter, settings)
        self.http = HttpServer(self.starter, is_wanted=bool(settings.http))
        self.drain = StopDrain(self.starter, seconds=settings.drain_on_stop)
        self.hold = Hold(self.children, self.dockerd, report, is_wanted=settings.hold)
        self.server_log = ServerLog(self.starter, is_wanted=settings.wraps_server_log)
        self.oom_watch = OomWatch(settings.paths.cgroups, self.timers)
        self.shutdown = Shutdown(self._stages())
        self.wanted = Wanted.UP
        self.actions: dict[Action, Callable[[], Event | None]] = {
            Action.NOTHING: lambda: None,
            Action.BEGIN: self.begin,
            Action.SEE_IF_READY: self.hold.see_if_ready,
            Action.HOLD: self.hold.begin,
            Action.START_SERVER: self.start_server,
            Action.START_SETTLE: functools.partial(self.start_helper, "settle"),
            Action.RETRY_SETTLE: lambda: self.retry("settle"),
            Action.RETRY_DOCKERD: self.dockerd.retry,
            Action.RETRY_HTTP: self.http.retry,
            Action.NEXT_STAGE: self.next_stage,
            Action.SKIP_DRAIN: self.skip_drain,
            Action.KILL_STAGE: self.kill_stage,
            Action.KILL_ALL: self.kill_all,
        }
        self.due: dict[str, Callable[[], Event | None]] = {
            **{verb: functools.partial(self.start_helper, verb) for verb in HELPERS},
            "server": self.start_server,
            DOCKERD: self.dockerd.start,
            WAITER: self.dockerd.ask,
            http_server.ROLE: self.http.start,
            PATIENCE: self.dockerd.overdue,
            server_log.ROLE: self.server_log.start,
        }

    def start_helper(self, verb: str) -> Event | None:
        """Start a process of octo-node that has the secrets; return the event that it failed, if it can't be."""
        patience = None if verb == "settle" else PATIENCE_SECONDS  # a node that is up must not stay drained
        program = self.starter.helper(verb)
        try:
            self.starter.start(verb, program, patience=patience)
        except OSError as error:
            # a limit of the container is its owner's to raise, everything else our own fault
            code = ExitCode.SETTINGS if resource_limits.reached(error) else ExitCode.FAULT
            self.children.codes[verb] = code
            self.report.fail(f"{verb}: {error.strerror}.")
            return self.hold.meaning(verb, code)
        return None

    def begin(self) -> Event | None:
        """Start what follows a passed preflight."""
        self.dockerd.start()
        return self.start_helper("prepare")

    def start_server(self) -> Event | None:
        """Start Octopus.Server, without secrets but those of OCTO_NODE_KEEP_ENV."""
        program = _server_program(self.settings, self.starter.environments)
        self.server_log.attach(program)
        try:
            if not self.starter.start("server", program, patience=PATIENCE_SECONDS):
                return None
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            self.children.codes["server"] = ExitCode.NOT_FOUND if missing else ExitCode.NOT_EXECUTABLE
            self.report.fail(f"{error.strerror}.")
            return Event.SERVER_EXITED
        finally:
            self.server_log.detach(program)
        self.report.say("info", "Octopus.Server is started.", pid=self.children.pid("server"))
        return Event.SERVER_STARTED

    def retry(self, role: str) -> Event | None:
        """Have `role` started again after a while, which doubles each time."""
        seconds = self.timers.set_again(role, self.children.lived(role))
        code = self.children.codes.get(role)
        self.report.say("warning", f"{role} exited unexpectedly and will be restarted in {seconds:g} s.", code=code)
        return None

    def next_stage(self) -> Event | None:
        """Go on with the stop."""
        stage = self.shutdown.next()
        if stage is None:
            self.timers.clear("stage")
            return Event.NOBODY_LEFT
        self.timers.set("stage", stage.seconds)
        return None

    def skip_drain(self) -> Event | None:
        """End the drain, or don't begin with one."""
        self.drain.skip()
        return None

    def kill_stage(self) -> Event | None:
        """Kill the processes that didn't end in time."""
        if self.shutdown.stage is not None:
            self.report.say("warning", f"{self.shutdown.stage.name} didn't stop in time and was killed.")
        self.shutdown.kill()
        self.timers.set("stage", AFTER_KILL_SECONDS)
        return None

    def kill_all(self) -> Event | None:
        """Kill all processes at once."""
        self.timers.clear(stop_drain.ROLE)
        if self.wanted is Wanted.DOWN:
            self.drain.tell_cut_off()
        self.shutdown.kill_all(_rest())
        self.timers.set("stage", AFTER_KILL_SECONDS)
        return None

    def _stages(self) -> "Iterator[Stage]":
        patience = self.settings.stop_timeout
        stage = functools.partial(_roles_stage, self.children)
        yield stage("helpers", (*HELPERS, WAITER), patience)
        if self.drain.is_wanted and self.wanted is Wanted.DOWN and self.children.pid("server"):
            yield self.drain.begin()
        if self.wanted is Wanted.DOWN:
            self.drain.tell_cut_off()
        yield stage("Octopus.Server", ("server",), patience, group=False)
        group = self.children.groups.get("server")
        if group is not None:
            send = functools.partial(processes.send, -group)
            yield Stage("what Octopus.Server left", GROUP_SECONDS, send=send, are_alive=lambda: send(0))
        yield stage("dockerd", ("dockerd",), STOP_SECONDS)
        yield _rest()


def _server_program(settings: "BaseSettings", environments: "ChildEnvironments") -> processes.Program:
    command = [*(settings.paths.server_command() or ["Octopus.Server"]), "run"]
    mode = settings.service_mode
    options = [f"--instance={INSTANCE}", "--noninteractive", *([f"--service-mode={mode}"] if mode else [])]
    program = processes.Program([*command, *options], environments.server)
    program.parent_death = signal.SIGTERM
    return program


def _rest() -> Stage:
    return Stage("the rest", REST_SECONDS, send=processes.send_everybody, are_alive=processes.have_children)


def _roles_stage(children: Children, name: str, roles: tuple[str, ...], seconds: float, *, group: bool = True) -> Stage:
    def send(number: int) -> None:
        children.send(roles, number, group=group and number == signal.SIGKILL)

    return Stage(name, seconds, send=send, are_alive=lambda: children.any_alive(roles))
