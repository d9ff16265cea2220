"""What a drain shows on a terminal: a line for each task that it waits for, renewed with each look."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from entrypoint.octopus.running_task import Task

from .facts.words import duration
from .status_tables import plain


_STDERR = 2


class DrainView:
    """The lines of tasks at the bottom of a `console`; what is logged stands above them."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def line(self, line: bytes) -> None:
        """Print a line of the log."""
        self._live.console.print(Text(plain(line.decode("utf-8", "replace").rstrip("\n"))), soft_wrap=True)

    def show(self, tasks: Sequence[Task], left: float) -> None:
        """Show what runs, and that it has `left` seconds."""
        if not self._live.is_started:
            self._live.start()
        self._live.update(table(tasks, left), refresh=True)

    def close(self) -> None:
        """Show nothing any more."""
        self._live.stop()


def table(tasks: Sequence[Task], left: float) -> Table:
    """Return a line for each of `tasks`, which have `left` seconds."""
    found = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    found.add_column("task", no_wrap=True)
    found.add_column("runs for", justify="right", no_wrap=True)
    found.add_column("time left", justify="right", no_wrap=True)
    found.add_column("", no_wrap=True, overflow="ellipsis")
    for task in tasks:
        age = "" if task.seconds is None else duration(task.seconds)
        state = "is being cancelled: " if task.state == "Cancelling" else ""
        found.add_row(Text(plain(task.id)), age, duration(max(left, 0.0)), Text(state + plain(task.description)))
    return found


@contextmanager
def on_terminal() -> Iterator[DrainView | None]:
    """Give a view if our log is read on a terminal that can show one; else None."""
    console = Console(stderr=True, highlight=False)
    if not os.isatty(_STDERR) or not console.is_terminal or console.is_dumb_terminal:
        yield None
        return
    view = DrainView(console)
    try:
        yield view
    finally:
        view.close()
