"""What the state files tell, and the notes beside the instance's configuration."""

import time
from collections.abc import Iterator, Mapping

from entrypoint import __version__
from entrypoint.base import phase_summary, procfs, state_reader, statefile
from entrypoint.base.phases import Phase
from entrypoint.node import server_process
from entrypoint.octopus import version
from entrypoint.octopus.applied_state import AppliedState
from entrypoint.settings.configuration import Configuration

from . import clocks
from .schema import Boot, Dockerd, Drain, End, Node, Step


State = Mapping[str, object]
_AGAIN_SECONDS = 0.2  # for a run folder that process 1 has to make again
OVER = {Phase.STOPPED, Phase.FAILED}


class States:
    """The state files of the run folder, each empty if it isn't there."""

    def __init__(self, folder: str | None) -> None:
        self.folder = folder
        self.node = self._read(statefile.NODE)
        self.prepare = self._read(statefile.PREPARE)
        self.settle = self._read(statefile.SETTLE)
        self.drain = self._read(statefile.DRAIN)
        self.preflight = self._read(statefile.PREFLIGHT)
        self.engine = self._read(statefile.ENGINE)
        self.end = self._read(statefile.END)
        self.last, self.last_end = self._read(statefile.LAST), self._read(statefile.LAST_END)

    def _read(self, name: str) -> State:
        return state_reader.read(self.folder, name) or {}

    @property
    def is_live(self) -> bool:
        """Whether process 1 of a node runs."""
        return bool(self.node) and state_reader.is_live(self.node)


def find(wanted: str) -> States:
    """Return the state files of the node whose run folder is `wanted`, or its stand-in."""
    return States(state_reader.find_folder(wanted))


def node(states: States, name: str) -> Node:
    """Return what process 1 is doing."""
    state = states.node
    phase = _text(state, "phase")
    since = _phases(state).get(phase or "")
    doing, doing_since = _doing(states, phase) if states.is_live else ("", None)
    return Node(
        name=name,
        phase=phase,
        since=clocks.at(state, since),
        seconds=clocks.ago(state, since),
        wanted=_text(state, "wanted"),
        doing=doing,
        doing_seconds=clocks.ago(state, doing_since),
        pid=_number(state.get("pid")),
        code=_number(state.get("code")),
        reason=str(states.end.get("reason") or ""),
        reaped=_number(state.get("reaped")),
    )


def _doing(states: States, phase: str | None) -> tuple[str, float | None]:
    """Return what the node does in its phase, and since when (monotonic)."""
    if phase == Phase.PREPARING:
        return phase_summary.doing(states.prepare, states.node)
    if phase in {Phase.STOPPING, Phase.KILLING}:
        return str(states.node.get("stage") or ""), None
    return "", None


def boot(states: States) -> Boot:
    """Return how long which part of the start took, or takes."""
    settled = clocks.measured(states.settle.get("seconds"))
    took = clocks.seconds(states.settle.get("whole"))
    steps = settled or (seconds_of_boot(states) if states.node else {})
    return Boot(
        began=clocks.at(states.node, clocks.seconds(states.node.get("booted"))),
        seconds=round(sum(steps.values()) if took is None else took, 3) if states.node else None,
        is_over=bool(settled),
        steps=[Step(name=name, seconds=round(value, 3)) for name, value in steps.items()],
    )


def seconds_of_boot(states: States) -> dict[str, float]:
    """Return the seconds of each part of a boot that isn't over."""
    begun, steps = _phases(states.node), clocks.measured(states.prepare.get("steps"))
    now = time.time() - clocks.offset(states.node)
    last = max((moment for name, moment in begun.items() if name in OVER), default=now)
    preparing, starting = begun.get("preparing", last), begun.get("starting", last)
    found = {"preflight": preparing - begun.get("preflight", preparing), "sql": 0.0, "guard": 0.0, "commands": 0.0}
    found |= steps
    doing, since = phase_summary.doing(states.prepare, states.node) if "preparing" in begun else ("", None)
    if states.is_live and "starting" not in begun and since is not None and doing:
        waits = "sql" if "SQL Server" in doing else "guard"
        name = waits if doing.startswith("waiting") else "commands"
        found[name] = found.get(name, 0.0) + max(now - since, 0.0)
    return {name: max(seconds, 0.0) for name, seconds in (found | {"server": last - starting}).items()}


def drain(states: States) -> Drain:
    """Return whether a drain was asked for; whether it is in force only the server knows."""
    since = clocks.wall(clocks.seconds(states.drain.get("at")))
    return Drain(wanted=bool(states.drain), since=since, in_force=None)


def dockerd(states: States) -> Dockerd | None:
    """Return what process 1 and who waited for it know of the engine; None if none is wanted."""
    found = states.node.get("dockerd")
    if not isinstance(found, dict):
        return None
    state = str(found["state"]) if states.is_live else "ended"
    return Dockerd(
        way=_text(found, "way"),
        state=state,
        problem=None if state in {"ready", "ended"} else _text(states.engine, "problem") or None,
        host=None,
        restarts=_number(found["restarts"]) or 0,
        pid=_number(found.get("pid")) if states.is_live else None,
        cpu_seconds=None,
        memory_bytes=None,
        containers=None,
    )


def last_end(states: States) -> End | None:
    """Return how the node ended before this start; None if the run folder doesn't tell."""
    if not states.last:
        return None
    return End(
        time=clocks.wall(clocks.seconds(states.last.get("ended"))),
        phase=_text(states.last, "phase") or "",
        code=_number(states.last.get("code")),
        reason=str(states.last_end.get("reason") or ""),
    )


def warnings(states: States) -> list[str]:
    """Return what preflight warned of at this start."""
    found = states.preflight.get("warnings")
    return [str(sentence) for sentence in found] if isinstance(found, list) else []


def versions(configuration: Configuration) -> dict[str, str | None]:
    """Return the versions of octo-node and of the server, if that was ever asked for its own."""
    paths = configuration.base.paths
    known = version.known(AppliedState(paths), (paths.server_command() or [""])[-1])
    return {"octo_node": __version__, "server": None if known is None else known.text}


def fragments(configuration: Configuration) -> Iterator[dict[str, object]]:
    """Yield what the files tell, as parts of the facts."""
    found = States(server_process.find_folder(configuration.base, _AGAIN_SECONDS))
    yield {
        "live": found.is_live,
        "node": node(found, configuration.base.node_name),
        "boot": boot(found),
        "drain": drain(found),
        "dockerd": dockerd(found),
        "last_end": last_end(found),
        "warnings": warnings(found),
        "process_1": procfs.name_of(1),
    }
    yield {"versions": versions(configuration)}


def _phases(state: State) -> dict[str, float]:
    return clocks.measured(state.get("phases"))


def _text(state: State, name: str) -> str | None:
    found = state.get(name)
    return found if isinstance(found, str) else None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
