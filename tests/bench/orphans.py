"""Ten thousand orphans: are all reaped, and at what cost."""

from pathlib import Path

from . import machine
from .figures import Effort, Figure, Row, median
from .namespaces import OCTO_NODE, Namespace


ORPHANS = 10_000
MOST = 2.0  # times dumb-init's
MAKER = (*machine.BARE, str(Path(__file__).parent / "programs" / "orphans.py"), str(ORPHANS))
INITS = {
    "octo-node": (*OCTO_NODE, "init", "--"),
    "dumb-init": ("dumb-init",),
    "tini": ("tini", "--"),
}
Result = tuple[int, float, float]  # orphans left, seconds, CPU seconds of process 1


def rows(effort: Effort) -> list[Row]:
    """Return the rows of wall time and of CPU, beside each peer."""
    results: dict[str, list[Result]] = {name: [] for name in INITS if name == "octo-node" or machine.peer(name)}
    for _ in range(effort.of(5, 2)):
        for name, found in results.items():
            with Namespace([*INITS[name], *MAKER]) as inside:
                left, seconds, used = inside.word("orphans").split()
                found.append((int(left), float(seconds), float(used)))
    wall = {name: _wall(found) for name, found in results.items()}
    cpu = {name: median([used / ORPHANS for _, _, used in found], "us") for name, found in results.items()}
    return [
        _row("until all are reaped", wall, "dumb-init", limit=MOST),
        _row("until all are reaped", wall, "tini", limit=None),
        _row("CPU of process 1 for each", cpu, "dumb-init", limit=MOST),
        _row("CPU of process 1 for each", cpu, "tini", limit=None),
    ]


def _wall(found: list[Result]) -> Figure:
    worst = max(left for left, _, _ in found)
    figure = median([seconds for _, seconds, _ in found], "s", 2)
    return Figure(figure.number, f"{figure.text}, {'all reaped' if worst == 0 else f'{worst} left'}")


def _row(what: str, figures: dict[str, Figure], peer: str, limit: float | None) -> Row:
    ours, theirs = figures["octo-node"], figures.get(peer)
    target = "" if limit is None else f"≤ {limit:g} x"
    reached = None
    if limit is not None and theirs is not None:
        reached = "left" not in ours.text and ours.number <= limit * theirs.number
    return Row(f"{ORPHANS:,} orphans: {what}", ours, peer, theirs, target, reached)
