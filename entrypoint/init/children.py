"""The children of process 1 by role: their environments, exit codes and timers."""

import signal
import time

from entrypoint.base import command_lines, procfs
from entrypoint.base.exitcodes import of_status
from entrypoint.settings import secrets_memfd

from . import processes, signals


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from entrypoint.settings.base_settings import BaseSettings
    from entrypoint.settings.environment import Environment

    from .report import Report

RETRY_SECONDS = (1.0, 60.0)  # before something is started again: the first time, and at most
STARVED_SECONDS = 10.0  # at most, before something is started for which no process could be had


class ChildEnvironments:
    """The environment of each kind of child, made once.

    Attributes: `public`, without any secret: dockerd's; `server`, with those secrets besides that it keeps; `helpers`,
    that of octo-node's own processes, which inherit the secrets by `descriptors`; `learnt`, the descriptor by which
    they tell what they learn.
    """

    __slots__ = ("descriptors", "helpers", "learnt", "public", "server")

    def __init__(self, environment: "Environment", settings: "BaseSettings") -> None:
        self.learnt = secrets_memfd.make_learnt()
        numbers = {secrets_memfd.DESCRIPTOR: environment.descriptor, secrets_memfd.LEARNT: self.learnt}
        inherited = {name: number for name, number in numbers.items() if number is not None}
        self.descriptors: Sequence[int] = tuple(inherited.values())
        self.public: Mapping[str, str] = environment.public
        self.helpers = environment.public | {name: str(number) for name, number in inherited.items()}
        kept = {name: environment.text(name) for name in settings.kept_secrets}
        self.server = environment.public | kept | settings.engine_environment


class Children:
    """The running children by role.

    Attributes: `codes`, the exit code of each role's last end; `groups`, the process group each role had last;
    `orphans`, how many adopted ones were reaped.
    """

    def __init__(self) -> None:
        self._roles: dict[int, str] = {}
        self.codes: dict[str, int] = {}
        self.groups: dict[str, int] = {}
        self.orphans = 0
        self._started: dict[str, float] = {}
        self._starved: dict[str, float] = {}

    def start(self, role: str, program: processes.Program) -> None:
        """Start `program` in `role`. Raise OSError if it can't be executed."""
        self._starved.setdefault(role, time.monotonic())
        pid = processes.start(program)
        del self._starved[role]
        self._roles[pid] = role
        self.groups[role] = pid
        self._started[role] = time.monotonic()

    def lived(self, role: str) -> float:
        """Return the seconds since `role` was started last."""
        return time.monotonic() - self._started.get(role, time.monotonic())

    def starved(self, role: str) -> float:
        """Return the seconds since `role` couldn't be started for the first time; 0 if it could, or was never tried."""
        return time.monotonic() - self._starved.get(role, time.monotonic())

    def pid(self, role: str) -> int | None:
        """Return the pid of the process in `role`, or None."""
        return next((pid for pid, name in self._roles.items() if name == role), None)

    def any_alive(self, roles: "Sequence[str]") -> bool:
        """Return whether a process runs in one of `roles`."""
        return any(name in roles for name in self._roles.values())

    def send(self, roles: "Sequence[str]", number: int, *, group: bool = False) -> None:
        """Send signal `number` to the processes in `roles`; with `group` to their process groups."""
        for pid, name in self._roles.items():
            if name in roles:
                processes.send(-pid if group else pid, number)

    def hand_on(self, role: str, number: int) -> str | None:
        """Forward signal `number` to the process in `role`, unless it would only end it; return why it isn't sent."""
        pid = self.pid(role)
        if pid is None:
            return f"there is no {role}"
        if not signals.is_meant_for(pid, number):
            return f"the {role} doesn't catch it and would end"
        processes.send(pid, number)
        return None

    def reap(self) -> "Iterator[tuple[str, int]]":
        """Yield (role, waitpid status) of those that have ended; adopted orphans are reaped in silence."""
        for pid, status in processes.reap():
            role = self._roles.pop(pid, None)
            if role is None:
                self.orphans += 1
            else:
                self.codes[role] = of_status(status)
                yield role, status

    def published(self, role: str) -> "Mapping[str, object] | None":
        """Return pid and start time of the process in `role`, for the state file."""
        pid = self.pid(role)
        return None if pid is None else {"pid": pid, "start": procfs.start_time(pid)}


class Timers:
    """Deadlines by name, on the monotonic clock."""

    def __init__(self) -> None:
        self._due: dict[str, float] = {}
        self._pauses: dict[str, float] = {}

    def set(self, name: str, seconds: float) -> None:
        """Let `name` be due in `seconds` from now."""
        self._due[name] = time.monotonic() + seconds

    def set_again(self, name: str, lived: float, longest: float = RETRY_SECONDS[1]) -> float:
        """Let `name`, which lived that many seconds, be due after a while; return the seconds.

        They double each time, up to `longest`, unless it lived longer than that.
        """
        first = RETRY_SECONDS[0]
        seconds = min(first if lived > longest else self._pauses.get(name, first), longest)
        self._pauses[name] = min(seconds * 2, longest)
        self.set(name, seconds)
        return seconds

    def clear(self, name: str) -> None:
        """Forget `name`."""
        self._due.pop(name, None)

    def is_set(self, name: str) -> bool:
        """Return whether `name` will be due."""
        return name in self._due

    def nearest(self) -> float | None:
        """Return the seconds until the nearest is due; None if nothing is."""
        return min(self._due.values()) - time.monotonic() if self._due else None

    def take_due(self) -> list[str]:
        """Return the names that are due, and forget them."""
        now = time.monotonic()
        names = [name for name, when in self._due.items() if when <= now]
        for name in names:
            del self._due[name]
        return names


class Starter:
    """Starts children of process 1, and has it tried again where no process can be had.

    Attributes: their `environments`, the `children` that run, the `timers` of what is tried again, and the `report`.
    """

    __slots__ = ("children", "environments", "report", "timers")

    def __init__(self, environments: ChildEnvironments, report: "Report") -> None:
        self.environments = environments
        self.children = Children()
        self.timers = Timers()
        self.report = report

    def helper(self, verb: str, *arguments: str) -> processes.Program:
        """Return what starts octo-node once more, as `verb`, with the secrets, to end when process 1 does."""
        program = processes.Program(command_lines.own(verb, *arguments), self.environments.helpers)
        program.inherit = self.environments.descriptors
        program.parent_death = signal.SIGKILL
        return program

    def start(self, role: str, program: processes.Program, *, patience: float | None = None) -> bool:
        """Start `program` in `role` and return True; if no process can be had now, have it tried again: False.

        That is when the timer `role` is due, for `patience` seconds (None: without end). Raise OSError if it can't be
        executed, or patience is at its end.
        """
        try:
            self.children.start(role, program)
        except OSError as error:
            left = STARVED_SECONDS if patience is None else patience - self.children.starved(role)
            if error.errno not in processes.EXHAUSTED or left <= 0:
                raise
            seconds = self.timers.set_again(role, 0.0, min(left, STARVED_SECONDS))
            self.report.say("warning", f"{role}: {error.strerror}. Next try in {round(seconds, 1):g} s.")
            return False
        return True

    def start_or_retry(self, role: str, program: processes.Program, longest: float = RETRY_SECONDS[1]) -> bool:
        """As `start`, without end; whatever else stands against it is told, and it is tried again as well.

        `longest` is the longest pause in seconds.
        """
        try:
            return self.start(role, program)
        except OSError as error:
            seconds = self.timers.set_again(role, 0.0, longest)
            self.report.say("error", f"{role} can't be started: {error.strerror}. Next try in {seconds:g} s.")
        return False
