"""dockerd without privileges: in a user namespace that rootlesskit makes, or in that of the pod (`hostUsers: false`).

The options of rootlesskit are those of Docker's own start script, `dockerd-rootless.sh`, which is a shell's.
"""

import os
import shutil
import stat

from entrypoint.base import command_lines
from entrypoint.settings.base_settings import BaseSettings
from entrypoint.settings.paths import Paths

from . import leftovers
from .report import Report


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

INSIDE = "ROOTLESSKIT_STATE_DIR"  # which rootlesskit sets for its child
_NETWORK = (
    *("--net=slirp4netns", "--mtu=65520", "--slirp4netns-sandbox=auto", "--slirp4netns-seccomp=auto"),
    *("--disable-host-loopback", "--port-driver=builtin"),
)
# where another dockerd would have its own: in the namespace these are links to the container's
_HIDDEN = ("docker", "containerd", "xtables.lock")
_MOST = 1 << 16  # bytes: the kernel takes 340 lines at most
_WHOLE = 1 << 32  # ids: a namespace that isn't one of its own has all of them


def is_namespace_root(uid: int | None = None, uid_map: str = "/proc/self/uid_map") -> bool:
    """Return whether this process is root of a user namespace other than the machine's, as with `hostUsers: false`.

    `uid` is its user if that isn't its own.
    """
    with open(uid_map, encoding="ascii") as file:
        ids = sum(int(line.split()[2]) for line in file.read(_MOST).splitlines())
    return (os.geteuid() if uid is None else uid) == 0 and ids < _WHOLE - 1


def places(settings: BaseSettings) -> dict[str, str]:
    """Return where dockerd keeps what it does, by its option."""
    folder = settings.runtime_folder
    return {
        "data-root": settings.paths.docker_data,
        "exec-root": f"{folder}/docker",
        "pidfile": f"{folder}/docker.pid",
    }


def prepare(settings: BaseSettings, report: Report) -> "Mapping[str, str]":
    """End and remove what an earlier one left, and return the variables that the engine needs."""
    killed = report.attempt("What an earlier dockerd left running can't be killed", lambda: _kill(os.getppid()))
    if killed:
        report.say("info", f"Killed {killed} that an earlier dockerd left running.")
    report.attempt("The folder for the engine's sockets can't be made", lambda: _make(settings))
    return {"XDG_RUNTIME_DIR": settings.runtime_folder, "HOME": _home(settings.runtime_folder)}


def enter(paths: Paths, report: Report) -> None:
    """Hide, within the namespace that rootlesskit made, the files of another dockerd."""
    report.attempt("Links to another dockerd's files can't be removed", lambda: _hide(paths.under_root("/run")))


def kit(settings: BaseSettings) -> list[str]:
    """Return the arguments that start rootlesskit, which starts octo-node again in its namespace."""
    folders = [f"--state-dir={settings.runtime_folder}/rootlesskit", "--copy-up=/etc", "--copy-up=/run"]
    return ["rootlesskit", *folders, *_NETWORK, *command_lines.own("start-dockerd")]


def _kill(parent: int) -> str | None:
    count = leftovers.kill(parent)
    return f"{count} process{'es' if count > 1 else ''}" if count else None


def _hide(run: str) -> None:
    for name in _HIDDEN:
        if os.path.islink(f"{run}/{name}"):
            os.unlink(f"{run}/{name}")


def _make(settings: BaseSettings) -> None:
    folder = settings.runtime_folder
    os.makedirs(folder, 0o700, exist_ok=True)
    status = os.lstat(folder)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise PermissionError(1, "it belongs to another user: set XDG_RUNTIME_DIR to a folder of this user's", folder)
    for name in ("rootlesskit", "docker"):
        shutil.rmtree(f"{folder}/{name}", ignore_errors=True)
    for name in ("docker.pid", "docker.sock"):
        if os.path.lexists(f"{folder}/{name}"):
            os.unlink(f"{folder}/{name}")


def _home(default: str) -> str:
    """Return a home that can be written, for dockerd's own settings."""
    home = os.path.expanduser("~")
    return home if os.access(home, os.W_OK) else default
