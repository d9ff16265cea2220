"""Samples, the rows of the table, and the table."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


NOT_INSTALLED = "not installed"


class Effort(Enum):
    """How many rounds are measured."""

    FULL = "full"
    QUICK = "quick"

    def of(self, full: int, quick: int) -> int:
        """Return the one of the two that counts."""
        return full if self is Effort.FULL else quick


@dataclass(frozen=True, slots=True)
class Figure:
    """A number to compare, and how it is shown."""

    number: float
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: a figure of ours and of one peer, and what is to be reached.

    `theirs` is None if the peer isn't installed, `reached` None if nothing was promised.
    """

    what: str
    ours: Figure
    peer: str
    theirs: Figure | None
    target: str = ""
    reached: bool | None = None

    def cells(self) -> list[str]:
        """Return the line's cells."""
        theirs = NOT_INSTALLED if self.theirs is None else self.theirs.text
        ratio = f"{self.ours.number / self.theirs.number:.2f}" if self.theirs and self.theirs.number else ""
        verdict = {True: "yes", False: "**no**", None: ""}[self.reached]
        return [self.what, self.ours.text, self.peer, theirs, ratio, self.target, verdict]


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    head = ["figure", "octo-node", "peer", "peer's", "ratio", "target", "reached"]
    lines = [head, ["---"] * len(head), *(row.cells() for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def median(seconds: Sequence[float], unit: str = "ms", digits: int = 1) -> Figure:
    """Return the median of a sample of seconds, shown with its range in `unit` (s, ms, us)."""
    scale = {"s": 1, "ms": 1e3, "us": 1e6}[unit]
    middle = statistics.median(seconds)
    low, mid, high = (f"{value * scale:.{digits}f}" for value in (min(seconds), middle, max(seconds)))
    return Figure(middle, f"{mid} {unit} [{low}..{high}]")


def p95(seconds: Sequence[float]) -> Figure:
    """Return the 95th percentile, shown with the median."""
    high, middle = percentile(seconds, 95), statistics.median(seconds)
    return Figure(high, f"p50 {middle:.2f} s, p95 {high:.2f} s, n={len(seconds)}")


def uniform(longest: float) -> Figure:
    """Return the same for a wait between none and `longest` seconds, each as likely: that of a loop that sleeps."""
    return Figure(0.95 * longest, f"p50 {longest / 2:.1f} s, p95 {0.95 * longest:.1f} s (computed)")


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the value that `percent` % of the values don't exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
