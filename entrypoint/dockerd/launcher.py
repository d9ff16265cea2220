"""Prepares a container for dockerd, then becomes dockerd. What fails here is a warning: dockerd says what it can't do.

Not done: a tmpfs over /tmp, which would hide what was put there and count as memory.
"""

import os
import shutil
import signal

from entrypoint.base.exitcodes import ExitCode
from entrypoint.settings.base_settings import ROOTLESS, BaseSettings
from entrypoint.settings.environment import Environment
from entrypoint.settings.paths import Paths

from . import arguments, cgroups, mounts, rootless, stale_files
from .iptables import Iptables
from .report import Report


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def launch(environ: "Mapping[str, str]") -> int:
    """Become dockerd, on its unix socket only, or rootlesskit; return the exit code if it can't be executed."""
    settings = BaseSettings(Environment(environ))
    report = Report(settings.log_format)
    # AppArmor and systemd look at `container`; whoever gave us a NOTIFY_SOCKET waits for the node, not for dockerd
    own = {**environ, "container": "docker", "PATH": settings.search_path}
    own.pop("NOTIFY_SOCKET", None)
    group = None
    if settings.containers == ROOTLESS:
        if rootless.INSIDE in environ:
            rootless.enter(settings.paths, report)
        else:
            own |= rootless.prepare(settings, report)
            if not rootless.is_namespace_root():
                return _become(rootless.kit(settings), own, report)
    else:
        group = _prepare(settings, report)
    found = report.attempt("iptables can't be chosen", lambda: _choose_iptables(Iptables(own), settings, report))
    own["PATH"] = found or own["PATH"]
    return _become(command(settings, group or "/", is_inside=rootless.INSIDE in environ), own, report)


def _prepare(settings: BaseSettings, report: Report) -> str | None:
    """Put the container in order for a dockerd that is root; return the container's cgroup, as it sees it."""
    report.attempt(
        "Leftovers of an earlier dockerd can't be removed", lambda: _remove_leftovers(settings.paths, report)
    )
    report.attempt("AppArmor's files can't be put right", lambda: _show_apparmor(settings))
    report.attempt("Mounts can't be shared with containers", lambda: mounts.share(settings.paths.under_root("/")))
    return report.attempt("Cgroups can't be handed down to containers", lambda: cgroups.nest(settings.paths.cgroups))


def _become(argv: list[str], own: "Mapping[str, str]", report: Report) -> int:
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)  # Python ignores them, and what is ignored stays so
    try:
        os.execvpe(argv[0], argv, own)
    except OSError as error:
        report.say("error", f"{argv[0]} can't be executed: {error.strerror}.")
        return ExitCode.NOT_FOUND if isinstance(error, FileNotFoundError) else ExitCode.NOT_EXECUTABLE


def command(settings: BaseSettings, group: str = "/", *, is_inside: bool = False) -> list[str]:
    """Return the arguments that dockerd is started with.

    `group` is the container's cgroup, as it sees it; `is_inside` whether rootlesskit tells that it is rootless.
    """
    given = arguments.parse(settings.dockerd_args)
    paths = settings.paths
    is_rootless = settings.containers == ROOTLESS
    places = {"data-root": paths.docker_data, "exec-root": paths.under_root("/var/run/docker")}
    places["pidfile"] = paths.under_root("/var/run/docker.pid")
    # dockerd's own defaults aren't repeated: an option that is in its configuration file as well is refused
    moved = rootless.places(settings) if is_rootless else places if paths.is_moved else {}
    ours = [f"--{name}={path}" for name, path in moved.items() if not arguments.values(given, name)]
    if is_rootless and not is_inside:
        ours.append("--rootless")
    if group != "/" and not arguments.values(given, "cgroup-parent"):
        ours.append(f"--cgroup-parent={group}/docker")  # else its containers escape the pod's limits
    return ["dockerd", f"--host={settings.engine}", *ours, *given]


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
