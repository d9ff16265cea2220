"""The whole fault matrix, and the part of it that always runs."""

import os
from collections.abc import Collection, Iterator
from pathlib import Path

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


def note(cell: Cell) -> None:
    """Append a cell that held to the file OCTO_TEST_FAULTS_TABLE, if there is one."""
    path = os.environ.get("OCTO_TEST_FAULTS_TABLE")
    if path:
        with Path(path).open("a") as file:
            file.write(f"{cell}\n")


def markdown(held: Collection[str]) -> Iterator[str]:
    """Yield the lines of the table: for each fault and phase how many of its cells `held`, of how many if not all."""
    names = [phase.name for phase in PHASES]
    yield f"| fault | {' | '.join(names)} |"
    yield f"|---|{'---|' * len(names)}"
    for fault in FAULTS:
        found = [_count(fault, name, held) for name in names]
        yield f"| {fault.group}: {fault.name} | {' | '.join(found)} |"


def _count(fault: Fault, phase: str, held: Collection[str]) -> str:
    cells = [str(cell) for cell in cells_of(fault) if cell.phase == phase]
    good = sum(cell in held for cell in cells)
    return "" if not cells else f"{good}" if good == len(cells) else f"{good} of {len(cells)}"


def main() -> None:
    """Print how many cells held, by the file OCTO_TEST_FAULTS_TABLE, and the table."""
    held = set(Path(os.environ["OCTO_TEST_FAULTS_TABLE"]).read_text().splitlines())
    cells = {str(cell) for fault in FAULTS for cell in cells_of(fault)}
    print(f"{len(cells & held)} of {len(cells)} cells of {len(FAULTS)} faults held.\n")
    print("\n".join(markdown(held)))


if __name__ == "__main__":
    main()
