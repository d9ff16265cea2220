"""From a SIGTERM to process 1, sent from outside as a runtime does, to its arrival in the server."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

from . import machine
from .figures import Effort, Figure, Row, median
from .namespaces import OCTO_NODE, Namespace
from .site import Site


CLOSE = 0.005  # seconds
REST = 0.2  # before the signal
RECEIVER = (*machine.BARE, str(Path(__file__).parent / "programs" / "receiver.py"))


def rows(effort: Effort) -> list[Row]:
    """Return how long a TERM takes through a node, through `octo-node init`, and through tini."""
    node: list[float] = []
    through: dict[str, list[float]] = {"init": [], "tini": []}
    inits = {"init": (*OCTO_NODE, "init", "--", *RECEIVER), "tini": ("tini", "--", *RECEIVER)}
    if not machine.peer("tini"):
        del inits["tini"]
    with Site() as site:
        with site.boot() as first:  # configures: every other boot has nothing to run
            site.wait_until_up(first)
        for _ in range(effort.of(50, 10)):
            node.append(_through_node(site))
            for name, command in inits.items():
                through[name].append(_through(command, site))
    theirs = median(through["tini"], digits=2) if through["tini"] else None
    return [_row("run", node, theirs), _row("init", through["init"], theirs)]


def _row(verb: str, seconds: list[float], theirs: Figure | None) -> Row:
    ours = median(seconds, digits=2)
    reached = None if theirs is None else ours.number <= theirs.number + CLOSE
    return Row(f"SIGTERM → server has it, `octo-node {verb}`", ours, "tini", theirs, "within 5 ms", reached)


def _through_node(site: Site) -> float:
    with site.boot(BENCH_RECEIVER=" ".join(RECEIVER)) as node:
        node.word("ready")
        site.wait_until_up(node)
        return _late(node)


def _through(command: Sequence[str], site: Site) -> float:
    with Namespace(command, os.environ | {"OCTO_NODE_WEB_PORT": str(site.port)}) as inside:
        inside.word("ready")
        return _late(inside)


def _late(inside: Namespace) -> float:
    time.sleep(REST)
    sent = inside.signal()
    return (int(inside.word("TERM")) - sent) / 1e9
