"""Prepares a container for dockerd, then becomes dockerd. What fails here is a warning: dockerd says what it can't do.

Not done: a tmpfs over /tmp, which would hide what was put there and count as memory.
"""

import os
import shutil
import signal

from entrypoint.base.exitcodes import ExitCode
from entrypoint.settings.base_settings import BaseSettings
from entrypoint.settings.environment import Environment
from entrypoint.settings.paths import Paths

from . import arguments, cgroups, mounts, stale_files
from .iptables import Iptables
from .report import Report


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def launch(environ: "Mapping[str, str]") -> int:
    """Become dockerd, on its unix socket only; return the exit code if it can't be executed."""
    settings = BaseSettings(Environment(environ))
    report = Report(settings.log_format)
    under_root = settings.paths.under_root
    report.attempt(
        "Leftovers of an earlier dockerd can't be removed", lambda: _remove_leftovers(settings.paths, report)
    )
    report.attempt("AppArmor's files can't be put right", lambda: _show_apparmor(settings))
    report.attempt("Mounts can't be shared with containers", lambda: mounts.share(under_root("/")))
    group = report.attempt("Cgroups can't be handed down to containers", lambda: cgroups.nest(settings.paths.cgroups))
    # AppArmor and systemd look at `container`; whoever gave us a NOTIFY_SOCKET waits for the node, not for dockerd
    own = {**environ, "container": "docker", "PATH": settings.search_path}
    own.pop("NOTIFY_SOCKET", None)
    found = report.attempt("iptables can't be chosen", lambda: _choose_iptables(Iptables(own), settings, report))
    own["PATH"] = found or own["PATH"]
    argv = command(settings, group or "/")
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)  # Python ignores them, and what is ignored stays so
    try:
        os.execvpe(argv[0], argv, own)
    except OSError as error:
        report.say("error", f"dockerd can't be executed: {error.strerror}.")
        return ExitCode.NOT_FOUND if isinstance(error, FileNotFoundError) else ExitCode.NOT_EXECUTABLE


def command(settings: BaseSettings, group: str = "/") -> list[str]:
    """Return the arguments that dockerd is started with; `group` is the container's cgroup, as it sees it."""
    given = arguments.parse(settings.dockerd_args)
    paths = settings.paths
    places = {"data-root": paths.docker_data, "exec-root": paths.under_root("/var/run/docker")}
    places["pidfile"] = paths.under_root("/var/run/docker.pid")
    # dockerd's own defaults aren't repeated: an option that is in its configuration file as well is refused
    moved = [(name, path) for name, path in places.items() if paths.is_moved]
    ours = [f"--{name}={path}" for name, path in moved if not arguments.values(given, name)]
    if group != "/" and not arguments.values(given, "cgroup-parent"):
        ours.append(f"--cgroup-parent={group}/docker")  # else its containers escape the pod's limits
    return ["dockerd", f"--host=unix://{paths.docker_socket}", *ours, *given]


def _show_apparmor(settings: BaseSettings) -> None:
    """Show dockerd the kernel's AppArmor where it can load its profile, and hide it where it can't."""
    parser = shutil.which("apparmor_parser", path=settings.search_path)
    folder = settings.paths.under_root("/sys/kernel/security")
    if parser is None:
        mounts.unmount(folder)
    else:
        mounts.mount_securityfs(folder)


def _remove_leftovers(paths: Paths, report: "Report") -> None:
    os.makedirs(os.path.dirname(paths.docker_socket), exist_ok=True)
    for folder in (paths.under_root("/run"), paths.under_root("/var/run")):
        for path in stale_files.remove(folder):
            report.say("info", "Removed a leftover of an earlier dockerd.", path=path)


def _choose_iptables(iptables: Iptables, settings: BaseSettings, report: "Report") -> str | None:
    """Return the PATH that leads dockerd to the iptables that works here; None for the one that there is."""
    path = None
    try:
        kind = iptables.kind(settings.iptables_legacy)
        if kind is not None:
            path = iptables.path_with(kind, settings.paths.under_root("/run/octo-node-iptables"))
            iptables = iptables.on(path)
    finally:
        found = iptables.version()
        if found is None or not iptables.works():
            report.say("warning", "There is no iptables that works, so dockerd can give containers no network.")
        else:
            report.say("info", "dockerd uses this iptables.", version=found)
    return path
