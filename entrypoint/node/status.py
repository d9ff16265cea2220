"""Status: what the state files say about this node, and what its server answers."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from entrypoint.base import oom, phase_summary, state_reader, statefile
from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode
from entrypoint.base.phases import Phase
from entrypoint.octopus.running_task import Task
from entrypoint.settings.base_settings import BaseSettings
from entrypoint.settings.configuration import Configuration
from entrypoint.structured_log import Logger

from . import drain_lock, server_process
from .drain_messages import names, number
from .task_counters import Flag, NodeWatch, UnknownError


ASK_SECONDS = 0.5  # for an answer of the server; SQL Server has a second to take the login: 2 s in all
UNDRAIN = "run `octo-node undrain` to take tasks again"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the running server said: its ping, and, if it takes no new tasks, those that run (None: unknown)."""

    ping: int
    words: str
    draining: bool | None
    tasks: list[Task] | None


def status(configuration: Configuration, log: Logger, *, as_json: bool) -> ExitCode:
    """Print where the node is; return DONE, or PROBE_NO if no node lives here."""
    base = configuration.base
    folder = state_reader.find_folder(base.run_dir)
    kinds = (statefile.NODE, statefile.PREPARE, statefile.SETTLE, statefile.DRAIN)
    states = {name: state for name in kinds if (state := state_reader.read(folder, name)) is not None}
    node = states.get(statefile.NODE)
    lives = node is not None and state_reader.is_live(node)
    process = server_process.find(base.paths, folder)
    asked = None if process is None or process.is_suspended else _ask(configuration, log)
    if as_json:
        print(json.dumps({"live": lives, **states, "asked": asked and asdict(asked)}, indent=2))
    else:
        print("\n".join([*_lines(base, folder, states), *_server_lines(folder, states, process, asked)]))
    return ExitCode.DONE if lives else ExitCode.PROBE_NO


def _ask(configuration: Configuration, log: Logger) -> Asked | None:
    """Ask the server and count its tasks; None if the settings don't say how to reach it."""
    try:
        watch = NodeWatch(configuration.settings(), log, seconds=ASK_SECONDS)
    except NodeError as error:
        log.warning("The server can't be asked.", reason=error.sentences[0])
        return None
    flag: Flag = watch.flag()
    tasks = None
    if flag.draining:
        try:
            tasks = watch.tasks(is_mute=False)
        except UnknownError as error:
            log.info("The running tasks can't be counted.", reason=str(error))
    return Asked(flag.status, flag.words, flag.draining, tasks)


def _lines(base: BaseSettings, folder: str | None, states: Mapping[str, Mapping[str, object]]) -> list[str]:
    lines = [phase_summary.sentence(folder)]
    dockerd = states.get(statefile.NODE, {}).get("dockerd")
    if isinstance(dockerd, dict):
        process = f"process {dockerd['pid']}, " if "pid" in dockerd else ""
        lines.append(f"dockerd is {dockerd['state']}: {process}restarts: {dockerd['restarts']}")
    killed = oom.killed_since(base.paths.cgroups, states.get(statefile.NODE, {}))
    if killed:
        lines.append(oom.sentence(killed))
    timeline = states.get(statefile.SETTLE, {}).get("timeline")
    if timeline:
        lines.append(str(timeline))
    return lines


def _server_lines(
    folder: str | None,
    states: Mapping[str, Mapping[str, object]],
    process: server_process.Process | None,
    asked: Asked | None,
) -> list[str]:
    if process is None:
        is_up = states.get(statefile.NODE, {}).get("phase") == Phase.UP
        return ["Octopus.Server doesn't run"] if is_up else []
    if process.is_suspended:
        return ["Octopus.Server is suspended by a signal: send it CONT to resume it"]
    if asked is not None and asked.draining:
        return [_drained(folder, asked.tasks)]
    lines = ["a drain was requested but isn't in effect"] if drain_lock.is_drained_on_purpose(folder) else []
    if asked is not None and not 200 <= asked.ping <= 299:
        way = "answers, but not as it should" if asked.ping else "runs, but doesn't answer"
        lines.insert(0, f"Octopus.Server {way}: {asked.words}")
    return lines


def _drained(folder: str | None, tasks: list[Task] | None) -> str:
    if tasks is None:
        return f"it takes no new tasks; whether any are running is unknown: {UNDRAIN}"
    if tasks:
        runs = "runs" if len(tasks) == 1 else "run"
        return f"it is draining: {number(tasks)} still {runs}: {names(tasks)}"
    if drain_lock.is_drained_on_purpose(folder):
        return f"it is drained on purpose: {UNDRAIN}"
    return f"it is drained, though not by octo-node: in the portal, or before this start: {UNDRAIN}"
