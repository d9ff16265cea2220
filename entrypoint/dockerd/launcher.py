"""Puts a container in order for dockerd, then becomes it. What fails here is a warning: dockerd says what it can't do.

Not done: a tmpfs over /tmp, which would hide what was put there and count as memory.
"""

import os
import shutil
import signal

from entrypoint import log, paths, variables
from entrypoint.exitcodes import ExitCode

from . import answer, arguments, cgroups, iptables, leftovers, mounts, trial


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


_TRIALS = 5


def launch(environ: "Mapping[str, str]") -> int:
    """Become dockerd, on its unix socket only; return the exit code if it can't be executed."""
    report = _Report(environ)
    report.attempt("Leftovers of an earlier dockerd can't be removed", lambda: _remove_leftovers(environ, report))
    report.attempt("AppArmor's files can't be put right", lambda: _show_apparmor(environ))
    report.attempt("Mounts can't be shared with containers", lambda: mounts.share(_at(environ, "/")))
    group = report.attempt("Cgroups can't be handed down to containers", lambda: _nest(environ))
    # AppArmor and systemd look at `container`; whoever gave us a NOTIFY_SOCKET waits for the node, not for dockerd
    own = {**environ, "container": "docker", "PATH": environ.get("PATH", os.defpath)}
    own.pop("NOTIFY_SOCKET", None)
    report.attempt("iptables can't be chosen", lambda: _choose_iptables(own, report))
    argv = command(environ, group or "/")
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)  # Python ignores them, and what is ignored stays so
    try:
        os.execvpe(argv[0], argv, own)
    except OSError as error:
        report.say("error", f"dockerd can't be executed: {error.strerror}.")
        return ExitCode.NOT_FOUND if isinstance(error, FileNotFoundError) else ExitCode.NOT_EXECUTABLE


def wait(environ: "Mapping[str, str]") -> ExitCode:
    """Return once dockerd answers on its unix socket: DONE if it can start a container, else DOCKER_IN_DOCKER."""
    report = _Report(environ)
    answer.wait(paths.docker_socket(environ))
    report.say("info", "dockerd answers.")
    problem = _trial(environ, report)
    if problem is None:
        return ExitCode.DONE
    report.say("warning", f"dockerd can't start a container: {problem}. Steps in execution containers fail.")
    return ExitCode.DOCKER_IN_DOCKER


def _trial(environ: "Mapping[str, str]", report: "_Report") -> str | None:
    """Return why dockerd can't start a container, None if it can; one that is slow is tried again."""
    reason = None
    for _ in range(_TRIALS):
        try:
            return trial.problem(paths.docker_socket(environ))
        except TimeoutError as error:
            reason = str(error)
            report.say("warning", f"dockerd answers, but {reason}.")
    return reason


def command(environ: "Mapping[str, str]", group: str = "/") -> list[str]:
    """Return the arguments that dockerd is started with; `group` is the container's cgroup, as it sees it."""
    given = arguments.parse(variables.value_or_default("OCTO_NODE_DOCKERD_ARGS", environ))
    places = {"data-root": paths.docker_data(environ), "exec-root": _at(environ, "/var/run/docker")}
    places["pidfile"] = _at(environ, "/var/run/docker.pid")
    # dockerd's own defaults aren't repeated: an option that is in its configuration file as well is refused
    moved = variables.value_or_default("OCTO_NODE_ROOT", environ) != "/"
    ours = [f"--{name}={path}" for name, path in places.items() if moved and not arguments.values(given, name)]
    if group != "/" and not arguments.values(given, "cgroup-parent"):
        ours.append(f"--cgroup-parent={group}/docker")  # else its containers escape the pod's limits
    return ["dockerd", f"--host=unix://{paths.docker_socket(environ)}", *ours, *given]


def _at(environ: "Mapping[str, str]", path: str) -> str:
    return paths.under_root(environ, path)


def _show_apparmor(environ: "Mapping[str, str]") -> None:
    """Show dockerd the kernel's AppArmor where it can load its profile, and hide it where it can't."""
    parser = shutil.which("apparmor_parser", path=environ.get("PATH", os.defpath))
    folder = _at(environ, "/sys/kernel/security")
    if parser is None:
        mounts.unmount(folder)
    else:
        mounts.mount_securityfs(folder)


def _nest(environ: "Mapping[str, str]") -> str:
    return cgroups.nest(_at(environ, "/sys/fs/cgroup"))


def _remove_leftovers(environ: "Mapping[str, str]", report: "_Report") -> None:
    os.makedirs(os.path.dirname(paths.docker_socket(environ)), exist_ok=True)
    for folder in (_at(environ, "/run"), _at(environ, "/var/run")):
        for path in leftovers.remove(folder):
            report.say("info", "Left by an earlier dockerd, and removed.", path=path)


def _choose_iptables(own: dict[str, str], report: "_Report") -> None:
    """Have `own`, dockerd's environment, lead to the iptables that works here."""
    try:
        kind = iptables.kind(own)
        if kind is not None:
            own["PATH"] = iptables.path_with(own, kind, _at(own, "/run/octo-node-iptables"))
    finally:
        found = iptables.version(own)
        if found is None or not iptables.works(own):
            report.say("warning", "There is no iptables that works, so dockerd can give containers no network.")
        else:
            report.say("info", "dockerd uses this iptables.", version=found)


class _Report:
    """The voice of the launcher."""

    def __init__(self, environ: "Mapping[str, str]") -> None:
        self._style = variables.value_or_default("OCTO_NODE_LOG_FORMAT", environ)

    def say(self, level: str, event: str, **fields: object) -> None:
        """Write one log line, as far as stderr can be written."""
        try:
            os.write(2, log.line(self._style, "dockerd", level, event, fields))
        except OSError:
            pass

    def attempt(self, complaint: str, step: "Callable[[], str | None]") -> str | None:
        """Take `step` and return what it does; if that fails, say so."""
        try:
            return step()
        except OSError as error:
            told = {} if error.filename is None else {"path": error.filename}
            self.say("warning", f"{complaint}: {error.strerror or error}.", **told)
            return None
