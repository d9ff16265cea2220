"""The whole fault matrix, and the part of it that always runs."""

import os
from collections import Counter

from . import commands, database, folders, kills, server, stops, surroundings
from .matrix import Cell, Fault, cells_of, quick_of
from .phases import PHASES


PARTS: dict[str, tuple[Fault, ...]] = {
    "stops": stops.FAULTS,
    "kills": kills.FAULTS,
    "database": database.FAULTS,
    "commands": commands.FAULTS,
    "server": server.FAULTS,
    "folders": folders.FAULTS,
    "surroundings": surroundings.FAULTS,
}
FAULTS = tuple(fault for part in PARTS.values() for fault in part)


def wanted() -> list[Cell]:
    """Return the cells that OCTO_TEST_FAULTS names: `all`, or some of PARTS with commas; else the quick selection."""
    named = os.environ.get("OCTO_TEST_FAULTS")
    if named:
        parts = PARTS if named == "all" else named.split(",")
        return [cell for part in parts for fault in PARTS[part] for cell in cells_of(fault)]
    return [cell for fault in FAULTS for cell in quick_of(fault)]


def markdown() -> str:
    """Return how many cells there are for each fault and phase, as a table."""
    names = [phase.name for phase in PHASES]
    lines = [f"| | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for fault in FAULTS:
        count = Counter(cell.phase for cell in cells_of(fault))
        lines.append(f"| {fault.group}: {fault.name} | {' | '.join(str(count[name] or '') for name in names)} |")
    return "\n".join(lines)
