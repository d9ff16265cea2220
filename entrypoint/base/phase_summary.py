"""Where a node is, in one sentence, from its state files: for probes and status."""

import time

from . import sql_ping, state_reader, statefile
from .phases import Phase


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


_MOST = 1e11  # seconds: a time beyond that is none


def sentence(folder: str | None) -> str:
    """Return what the node whose state is in `folder` is doing.

    Such as `not up yet: preparing, waiting for SQL Server db,1433 for 42 s`.
    """
    return told(state_reader.read(folder, statefile.NODE), state_reader.read(folder, statefile.PREPARE))


def told(node: "Mapping[str, object] | None", prepare: "Mapping[str, object] | None") -> str:
    """Return the same from the content of the state files."""
    if not node:
        return "no state of a node was found here"
    phase = str(node.get("phase"))
    if not state_reader.is_live(node):
        # not "the node has ended": another one's may run, whose folder was taken away
        return f"no state of a running node was found here, only of one that has ended ({phase})"
    what = _doing(prepare, node) if phase == Phase.PREPARING else ""
    early = phase in {Phase.PREFLIGHT, Phase.PREPARING, Phase.STARTING}
    return f"{'not up yet: ' if early else 'the node is '}{phase}{what}"


def _doing(prepare: "Mapping[str, object] | None", node: "Mapping[str, object]") -> str:
    text, since = doing(prepare or {}, node)
    for_long = "" if since is None else f" for {time.monotonic() - since:.0f} s"
    return f", {text}{for_long}" if text else ""


def doing(prepare: "Mapping[str, object]", node: "Mapping[str, object]") -> "tuple[str, float | None]":
    """Return what a node that prepares is doing, by its state files, and since when (monotonic); empty for nothing."""
    if not prepare.get("doing"):
        dockerd = node.get("dockerd")
        waits = isinstance(dockerd, dict) and dockerd.get("state") not in {"ready", "failing"}
        name = "the engine" if isinstance(dockerd, dict) and dockerd.get("way") == "external" else "dockerd"
        return (f"waiting for {name}" if waits else ""), None
    since = prepare.get("since")
    return str(prepare["doing"]), since if isinstance(since, float) and abs(since) < _MOST else None


def phase_seconds(node: "Mapping[str, object]") -> float | None:
    """Return the seconds that a node is in its phase by its state file, None if that doesn't tell."""
    phases = node.get("phases")
    since = phases.get(node.get("phase")) if isinstance(phases, dict) else None
    return max(time.monotonic() - since, 0.0) if isinstance(since, int | float) else None


def database_away(folder: str | None, seconds: float) -> str:
    """Return in words that a running node's SQL Server, asked for `seconds`, says nothing; nothing if it does."""
    node, prepare = state_reader.read(folder, statefile.NODE), state_reader.read(folder, statefile.PREPARE)
    if node is None or prepare is None or not state_reader.is_live(node):
        return ""
    host, port = prepare.get("host"), prepare.get("port")
    if not (isinstance(host, str) and isinstance(port, int) and 0 < port < 1 << 16):
        return ""
    if sql_ping.is_answered(host, port, seconds, strict=prepare.get("strict") is True):
        return ""
    return f"its SQL Server {host},{port} doesn't answer either"


def is_held(folder: str | None) -> bool:
    """Return whether the node lives without a server, because the operator wants it so."""
    node = state_reader.read(folder, statefile.NODE)
    return node is not None and node.get("phase") == Phase.HELD and state_reader.is_live(node)
