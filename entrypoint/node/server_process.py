"""Finds the running server process: in /proc, whatever became of the state files."""

import itertools
import os
import time
from dataclasses import dataclass

import psutil

from entrypoint.base import log_relay, procfs, state_reader, statefile
from entrypoint.settings.base_settings import BaseSettings
from entrypoint.settings.paths import Paths


SUPERVISOR = "octo-node"  # what process 1 of a node is called in /proc: see `init/signals.py`
AGAIN_SECONDS = 1.0  # that process 1 has for making its folder again
POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Process:
    """A process: its pid, when it was started (clock ticks since boot), and its parent's pid."""

    pid: int
    start: int
    parent: int

    @property
    def lives(self) -> bool:
        """Whether it still runs."""
        return procfs.start_time(self.pid) == self.start

    @property
    def is_suspended(self) -> bool:
        """Whether it is stopped by a signal, or traced."""
        fields = procfs.stat_fields(self.pid)
        return fields is not None and fields[0] in {"T", "t"}


def find(paths: Paths, folder: str | None) -> Process | None:
    """Return the Octopus.Server that octo-node started here, or None if it doesn't run.

    It is the child of a process with octo-node's name that runs our server's file. The state file in `folder` only
    helps where /proc hides the processes of others.
    """
    words = paths.server_command() or ["Octopus.Server"]
    for process in psutil.process_iter():
        found = _as_server(process, words[-1])
        if found is not None:
            return found
    state = state_reader.read(folder, statefile.NODE) or {}
    server = state.get("server")
    if isinstance(server, dict) and state_reader.is_live(server):
        return _process(server["pid"])
    return None


def _as_server(process: psutil.Process, file: str) -> Process | None:
    """Return `process` if it is a server, executed from `file`."""
    try:
        words = process.cmdline()
        if not any(pair == (file, "run") for pair in itertools.pairwise(words)):
            return None
        if psutil.Process(process.ppid()).name() != SUPERVISOR:
            return None
    except psutil.Error:
        return None
    return _process(process.pid)


def _process(pid: int) -> Process | None:
    fields = procfs.stat_fields(pid)
    start = procfs.start_time(pid)
    return None if fields is None or start is None else Process(pid, start, int(fields[1]))


def supervisor(folder: str | None, found: Process | None) -> int | None:
    """Return the pid of octo-node's `run`; None if none lives.

    The state file in `folder` tells; without it, it is the parent of the server that was `found` in /proc.
    """
    state = state_reader.read(folder, statefile.NODE)
    try:
        if state is not None and state_reader.is_live(state):
            pid = int(str(state["pid"]))
            return pid if psutil.Process(pid).name() == SUPERVISOR else None
        return found.parent if found is not None and _is_run(psutil.Process(found.parent)) else None
    except psutil.Error:
        return None


def _is_run(process: psutil.Process) -> bool:
    """Return whether `process` is octo-node's `run`: `init` has its name as well, and would hand our signal on."""
    words = process.cmdline()
    return process.name() == SUPERVISOR and words[-1:] == ["run"] and "init" not in words


def find_folder(settings: BaseSettings, seconds: float = AGAIN_SECONDS) -> str | None:
    """Return the run folder of the running node; None if there is none.

    One that was deleted process 1 makes again, within `seconds`.
    """
    folder = state_reader.find_folder(settings.run_dir)
    state = state_reader.read(folder, statefile.NODE)
    if state is not None and state_reader.is_live(state):
        return folder
    pid = supervisor(None, find(settings.paths, None))
    if pid is None:
        return folder
    try:
        os.kill(pid, log_relay.SIGNAL)
    except OSError:
        return None
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        again = state_reader.read(found := state_reader.find_folder(settings.run_dir), statefile.NODE)
        if again is not None and state_reader.is_live(again):
            return found
    return None
