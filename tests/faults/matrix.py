"""What the rows and cells of the fault matrix are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import odbcini
from node import MODES

from .rig import Rig


@dataclass(frozen=True)
class Ends:
    """The fault ends the node: with one of `codes`, after `said` in its log or termination message."""

    codes: tuple[int, ...]
    said: str = ""

    def __init__(self, *codes: int, said: str = "") -> None:
        object.__setattr__(self, "codes", codes)
        object.__setattr__(self, "said", said)


@dataclass(frozen=True)
class GoesOn:
    """The node survives the fault, once `said` is in its log; it then goes through its life as without the fault.

    `codes` are other exit codes than the phase's own that its stop may have.
    """

    said: str = ""
    codes: tuple[int, ...] = ()


Outcome = Ends | GoesOn


def nothing(_rig: Rig) -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Fault:
    """A row of the matrix: what goes wrong, and what is to come of it in each phase in which it makes sense.

    Attributes: its `group`; `outcomes` by the phase's name; `prepare`, what is done before the node is started;
    `strike`, once it is in the phase; `heal`, once the node has said what it has to; `finish` in place of the phase's
    own; `environ` of the node; `of_database`, whether it is tried with both drivers; `needs_network`,
    whether it is tried in a network of its own; `quick`, the phases of the quick
    selection.
    """

    name: str
    group: str
    outcomes: Mapping[str, Outcome]
    strike: Callable[[Rig], object] = nothing
    prepare: Callable[[Rig], object] = nothing
    heal: Callable[[Rig], object] = nothing
    finish: Callable[[Rig], int] | None = None
    environ: Mapping[str, str] = field(default_factory=dict)
    of_database: bool = False
    needs_network: bool = False
    quick: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cell:
    """One cell: a fault in a phase, how the node is started, and with which driver (None: it doesn't matter)."""

    fault: Fault
    phase: str
    mode: str
    driver: str | None

    @property
    def outcome(self) -> Outcome:
        """What is to come of it."""
        return self.fault.outcomes[self.phase]

    def __str__(self) -> str:
        """Name it."""
        words = [self.fault.name, self.phase, self.mode, *([self.driver] if self.driver else [])]
        return ", ".join(words)


def each(phases: tuple[str, ...], outcome: Outcome) -> dict[str, Outcome]:
    """Return the same outcome for some phases."""
    return dict.fromkeys(phases, outcome)


def cells_of(fault: Fault) -> list[Cell]:
    """Return the cells of a row: as process 1 and as subreaper, the latter with the other driver."""
    drivers = list(odbcini.libraries()) if fault.of_database else [None] * len(MODES)
    pairs = list(zip(MODES, drivers, strict=False))
    return [Cell(fault, phase, mode, driver) for phase in fault.outcomes for mode, driver in pairs]


def quick_of(fault: Fault) -> list[Cell]:
    """Return the cells of a row that run always, the modes in turn."""
    found = [cell for cell in cells_of(fault) if cell.phase in fault.quick]
    turn = sum(map(ord, fault.name)) % len(MODES)
    return [cell for cell in found if MODES.index(cell.mode) == turn or len(cells_of(fault)) == 1]
