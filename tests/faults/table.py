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
    "server": server.FAULTS,
    "folders": folders.FAULTS,
    "surroundings": surroundings.FAULTS,
    "database": database.FAULTS,
    "commands": commands.FAULTS,
}
FAULTS = tuple(fault for part in PARTS.values() for fault in part)


def wanted() -> list[Cell]:
    """Return the cells that are to be run: those that OCTO_TEST_FAULTS names, else the quick selection.

    It is `all`, or some of PARTS with commas, or `rest`: those that aren't in OCTO_TEST_FAULTS_TABLE yet. The cells of
    a fault in a phase are apart, so that whoever doesn't wait for the end has most of the faults in most of the phases.
    """
    named = os.environ.get("OCTO_TEST_FAULTS")
    if not named:
        return [cell for fault in FAULTS for cell in quick_of(fault)]
    done = held() if named == "rest" else set()
    faults = [fault for part in (PARTS if named in {"all", "rest"} else named.split(",")) for fault in PARTS[part]]
    pairs = [cells_of(fault) for fault in faults]
    turns = [
        [cell for number, cell in enumerate(cells) if (number + number // 2 + turn) % 2 == 0]
        for turn in (0, 1)
        for cells in pairs
    ]
    return [cell for cells in turns for cell in cells if str(cell) not in done]


def held() -> set[str]:
    """Return the names of the cells that are in the file OCTO_TEST_FAULTS_TABLE."""
    path = Path(os.environ["OCTO_TEST_FAULTS_TABLE"])
    return set(path.read_text().splitlines()) if path.exists() else set()


def note(cell: Cell) -> None:
    """Append a cell that held to the file OCTO_TEST_FAULTS_TABLE, if there is one."""
    path = os.environ.get("OCTO_TEST_FAULTS_TABLE")
    if path:
        with Path(path).open("a") as file:
            file.write(f"{cell}\n")


def markdown(good: Collection[str]) -> Iterator[str]:
    """Yield the lines of the table: for each fault and phase how many of its cells were `good`, of how many."""
    names = [phase.name for phase in PHASES]
    yield f"| fault | {' | '.join(names)} |"
    yield f"|---|{'---|' * len(names)}"
    for fault in FAULTS:
        found = [_count(fault, name, good) for name in names]
        yield f"| {fault.group}: {fault.name} | {' | '.join(found)} |"


def _count(fault: Fault, phase: str, good: Collection[str]) -> str:
    cells = [str(cell) for cell in cells_of(fault) if cell.phase == phase]
    count = sum(cell in good for cell in cells)
    return "" if not cells else f"{count}" if count == len(cells) else f"{count} of {len(cells)}"


def main() -> None:
    """Print how many cells held, by the file OCTO_TEST_FAULTS_TABLE, and the table."""
    good = held()
    cells = {str(cell) for fault in FAULTS for cell in cells_of(fault)}
    print(f"{len(cells & good)} of {len(cells)} cells of {len(FAULTS)} faults held.\n")
    print("\n".join(markdown(good)))


if __name__ == "__main__":
    main()
