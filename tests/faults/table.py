"""The whole fault matrix, and the part of it that always runs."""

import os
from collections import Counter

from . import kills, stops
from .matrix import Cell, Fault, cells_of, quick_of
from .phases import PHASES


FAULTS: tuple[Fault, ...] = (*stops.FAULTS, *kills.FAULTS)


def everything() -> list[Cell]:
    """Return all cells."""
    return [cell for fault in FAULTS for cell in cells_of(fault)]


def wanted() -> list[Cell]:
    """Return the cells that are to be run: all with OCTO_TEST_FAULTS=all, else the quick selection."""
    if os.environ.get("OCTO_TEST_FAULTS") == "all":
        return everything()
    return [cell for fault in FAULTS for cell in quick_of(fault)]


def markdown() -> str:
    """Return how many cells there are for each fault and phase, as a table."""
    names = [phase.name for phase in PHASES]
    lines = [f"| | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for fault in FAULTS:
        count = Counter(cell.phase for cell in cells_of(fault))
        lines.append(f"| {fault.group}: {fault.name} | {' | '.join(str(count[name] or '') for name in names)} |")
    return "\n".join(lines)
