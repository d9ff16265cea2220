"""What goes into the archive: each file is made by a process of its own, which may hang."""

import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator

import psutil
import pyodbc

from entrypoint import __version__
from entrypoint.base import command_lines, kept_log, prctl, state_reader
from entrypoint.octopus import commandline
from entrypoint.settings.configuration import Configuration


CHUNK = 1 << 16
LOG_BYTES = 1 << 20  # of each of the server's logs, the last
LOGS = 4  # of the server's logs, the newest
FILE_BYTES = 1 << 19  # of any other file
_KERNEL = (
    "/proc/self/mountinfo", "/proc/self/cgroup", "/proc/1/cgroup", "/proc/meminfo", "/proc/loadavg", "/proc/version",
    "/proc/self/status", "/proc/self/limits", "/proc/sys/kernel/pid_max", "/etc/os-release", "/etc/resolv.conf",
    "/etc/hosts",
)  # fmt: skip
# of the container's control group: cgroup v2, then v1
_CGROUP = (
    "memory.current", "memory.max", "memory.peak", "memory.events", "cpu.max", "cpu.stat", "pids.current", "pids.max",
    "cgroup.controllers", "memory/memory.usage_in_bytes", "memory/memory.limit_in_bytes", "memory/memory.oom_control",
    "cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us", "pids/pids.current", "pids/pids.max",
)  # fmt: skip
SOURCES = (
    "status.txt", "status.json", "check.txt", "check.json", "nodes.txt", "environment.txt", "versions.txt", "state.txt",
    "octo-node.log", "octopus-server.log", "termination-message.txt", "processes.txt", "kernel.txt", "volumes.txt",
)  # fmt: skip
_OWN = {"octo-node", "entrypoint", "Octopus.Server", "Octopus.Server.dll", "Octopus.Server.exe", "dockerd"}
_INTERPRETERS = ("python", "sh", "bash", "dash", "dotnet")  # what they run is in one of the words that follow
_VERBS = {
    "status.txt": ("status",),
    "status.json": ("status", "--json"),
    "check.txt": ("check", "--commands"),
    "check.json": ("check", "--json", "--commands"),
    "nodes.txt": ("nodes",),
}


class Sources:
    """Makes the files for the node that `configuration` is of."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._base = configuration.base
        self._paths = configuration.base.paths

    def collect(self, source: str) -> Iterator[bytes]:
        """Yield the pieces of the file `source`; what can't be had is said in its place."""
        if source in _VERBS:
            yield from _verb(*_VERBS[source])
            return
        make: Callable[[], Iterator[str]] = {
            "environment.txt": self._environment,
            "versions.txt": self._versions,
            "state.txt": self._state,
            "octo-node.log": self._own_log,
            "octopus-server.log": self._server_logs,
            "termination-message.txt": lambda: _file(self._base.termination_log),
            "processes.txt": _processes,
            "kernel.txt": self._kernel,
            "volumes.txt": self._volumes,
        }[source]
        for text in make():
            yield text.encode("utf-8", "backslashreplace")

    def _environment(self) -> Iterator[str]:
        yield "# Variables of octo-node; others only by name, because their values may be secrets\n"
        for line in self._configuration.described():
            yield f"{line}\n"

    def _versions(self) -> Iterator[str]:
        yield f"octo-node {__version__}\nPython {sys.version}\n{platform.platform()}\n{' '.join(platform.libc_ver())}\n"
        yield f"ODBC drivers: {', '.join(pyodbc.drivers())}\nuser {os.getuid()}:{os.getgid()} {os.getgroups()}\n"
        yield f"Octopus.Server: {' '.join(self._paths.server_command() or ['not found'])}\n"

    def _state(self) -> Iterator[str]:
        folder = state_reader.find_folder(self._base.run_dir)
        if folder is None:
            yield f"No state of a node is in {self._base.run_dir} or its stand-in.\n"
            return
        for name in sorted(os.listdir(folder)):
            if name.endswith(".json") or name in {"lines", "cut-off"}:
                yield from _file(f"{folder}/{name}")

    def _own_log(self) -> Iterator[str]:
        folder = state_reader.find_folder(self._base.run_dir)
        yield (kept_log.read(folder) if folder is not None else b"").decode("utf-8", "replace") or "Nothing is kept.\n"

    def _server_logs(self) -> Iterator[str]:
        folder = os.path.dirname(self._paths.log_file)
        try:
            found = [entry for entry in os.scandir(folder) if entry.is_file(follow_symlinks=False)]
        except OSError as error:
            yield f"{folder} can't be read: {error.strerror}\n"
            return
        newest = sorted((entry for entry in found if ".txt" in entry.name), key=lambda entry: entry.stat().st_mtime)
        for entry in newest[-LOGS:]:
            yield from _file(entry.path, LOG_BYTES)

    def _kernel(self) -> Iterator[str]:
        for path in (*_KERNEL, *(f"{self._paths.cgroups}/{name}" for name in _CGROUP)):
            if os.path.exists(path):
                yield from _file(path, follow=True)

    def _volumes(self) -> Iterator[str]:
        for path in (
            self._paths.home,
            self._paths.registry,
            *map(self._paths.under_root, commandline.FOLDERS.values()),
        ):
            yield _volume(path)


def _verb(*words: str) -> Iterator[bytes]:
    """Yield what octo-node prints when it is run with `words`; it ends when we do."""
    parent = os.getpid()
    process = subprocess.Popen(
        command_lines.own(*words),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=lambda: prctl.die_with_parent(parent),  # noqa: PLW1509 - this process has one thread
    )
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    while piece := os.read(process.stdout.fileno(), CHUNK):
        yield piece
    yield f"\n[exit code {process.wait()}]\n".encode()


def _file(path: str, limit: int = FILE_BYTES, *, follow: bool = False) -> Iterator[str]:
    """Yield the last `limit` bytes of a file below a line with its path; whole lines, as masking needs.

    Only if it may be a link is it asked to `follow` one: others write to some of these folders, too.
    """
    yield f"\n==> {path} <==\n"
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    try:
        with open(os.open(path, flags), "rb") as file:
            status = os.fstat(file.fileno())
            if not follow and status.st_nlink > 1:
                yield "It has a second name, and so it may be another's.\n"
                return
            size = status.st_size
            if size > limit:
                file.seek(size - limit)
                file.readline()
            yield file.read(limit).decode("utf-8", "replace")
    except OSError as error:
        yield f"It can't be read: {error.strerror}\n"


def _processes() -> Iterator[str]:
    for process in psutil.process_iter():
        try:
            told = process.as_dict(["pid", "ppid", "username", "status", "memory_info", "cmdline", "name"])
            memory = told["memory_info"].rss >> 20 if told["memory_info"] else 0
            words = _shown(told["cmdline"] or [f"[{told['name']}]"])
            yield f"{told['pid']} {told['ppid']} {told['username']} {told['status']} {memory} MiB {words}\n"
        except psutil.Error:
            continue


def _shown(words: list[str]) -> str:
    """Return a command line without secrets; of a program that isn't ours, only its name: others' secrets are unknown.

    What `init` is given to run isn't ours either.
    """
    is_interpreted = os.path.basename(words[0]).startswith(_INTERPRETERS)
    names = {os.path.basename(word) for word in words[: 4 if is_interpreted else 1]}
    if names & _OWN and "init" not in words:
        return " ".join(commandline.masked(words))
    return f"{words[0]} ({len(words) - 1} arguments)" if len(words) > 1 else words[0]


def _volume(path: str) -> str:
    try:
        status, disk = os.stat(path), os.statvfs(path)
    except OSError as error:
        return f"{path}: {error.strerror}\n"
    room, size = disk.f_bavail * disk.f_frsize >> 20, disk.f_blocks * disk.f_frsize >> 20
    return (
        f"{path}: user {status.st_uid}:{status.st_gid}, mode {status.st_mode:o}, device {status.st_dev}, "
        f"{room} of {size} MiB free, {disk.f_favail} of {disk.f_files} inodes free\n"
    )
