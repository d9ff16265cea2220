"""Where a node is, in one sentence, from its state files: for probes and status."""

import time

from . import sql_ping, state_reader, statefile
from .phases import Phase


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def sentence(folder: str | None) -> str:
    """Return what the node whose state is in `folder` is doing.

    Such as `not up yet: preparing, waiting for SQL Server db,1433 for 42 s`.
    """
    node = state_reader.read(folder, statefile.NODE)
    if node is None:
        return "no state of a node was found here"
    phase = str(node.get("phase"))
    if not state_reader.is_live(node):
        return f"the node has ended ({phase})"
    doing = _doing(state_reader.read(folder, statefile.PREPARE), node) if phase == Phase.PREPARING else ""
    early = phase in {Phase.PREFLIGHT, Phase.PREPARING, Phase.STARTING}
    return f"{'not up yet: ' if early else 'the node is '}{phase}{doing}"


def _doing(prepare: "Mapping[str, object] | None", node: "Mapping[str, object]") -> str:
    if prepare is None or not prepare.get("doing"):
        dockerd = node.get("dockerd")
        waits = isinstance(dockerd, dict) and dockerd.get("state") not in {"ready", "failing"}
        return ", waiting for dockerd" if waits else ""
    since = prepare.get("since")
    for_long = f" for {time.monotonic() - since:.0f} s" if isinstance(since, float) else ""
    return f", {prepare['doing']}{for_long}"


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
    return f"alive all the same: its SQL Server {host},{port} doesn't answer either"
