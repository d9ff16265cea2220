"""Drains while SQL Server is away: how, from when, for how long, and who drains. docs/reliability.md has the table.

A sample runs always; `scripts/soak drains` runs the pairwise table (OCTO_TEST_DRAINS=pairs; `all` for every cell), and
each row appends what came of it to the file OCTO_TEST_DRAINS_TABLE.
"""

import itertools
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import odbcini
import pytest
from allpairspy import AllPairs
from node import DATABASE, Node
from processes import OCTO_NODE, ROOT, enter, wait_until
from standin.sqlserver.testing import SqlServer
from tasks import task

from entrypoint.node.drain import GRACE_SECONDS


AWAY: dict[str, dict[str, object]] = {
    "refused": {},
    "frozen": {},
    "mute after accept": {"hang": "prelogin"},
    "mute after PRELOGIN": {"hang": "tls"},
    "mute after the login": {"hang": "statement"},
    "mute in mid-answer": {"manner": {"statement": "half"}},
}
MOMENTS = ("before the flag", "while waiting", "at the deadline")
LONG = {"15 s": 15.0, "120 s": 120.0, "beyond the deadline": None}
BY = ("a hook", "hand", "the stop")
AFTER = 15.0  # seconds from SQL Server's return to the task's end
SERVERS_OWN = 90.0  # the server waits 30 s for each session that SQL Server has forgotten, before it tells of its tasks
SLACK = 20.0  # this machine may be busy
ENDS = (
    "The node is drained",
    "At the deadline",
    "can't be drained",
    "has answered nothing",
    "has ended in the meantime",
)
NEAR = 4.0  # seconds before the deadline
SAMPLE = (("frozen", "before the flag", "beyond the deadline", "the stop"),)


class Cell(NamedTuple):
    """One row of the table."""

    away: str
    moment: str
    long: str
    by: str

    @property
    def wait(self) -> float:
        """The seconds that the drain is given: if SQL Server comes back in time, until the server knows it, too."""
        seconds = LONG[self.long]
        return 30.0 if seconds is None or self.moment == MOMENTS[2] else seconds + AFTER + SERVERS_OWN

    @property
    def is_saved(self) -> bool:
        """Whether the task ends while time is left."""
        return LONG[self.long] is not None and self.moment != MOMENTS[2]

    @property
    def task(self) -> float:
        """The seconds that the task takes."""
        return (LONG[self.long] or 0) + AFTER if self.is_saved else 600.0


def cells() -> list[Cell]:
    """Return the rows that are to be run."""
    which = os.environ.get("OCTO_TEST_DRAINS")
    varied = [list(AWAY), list(MOMENTS), list(LONG), list(BY)]
    found = {"all": itertools.product(*varied), "pairs": AllPairs(varied)}.get(which or "", SAMPLE)
    return [Cell(*row) for row in found]


@contextmanager
def without(sql: SqlServer, away: str) -> Iterator[None]:
    """Take SQL Server away, and bring it back."""
    assert sql.process is not None
    if away == "frozen":
        sql.process.send_signal(signal.SIGSTOP)
    elif away == "refused":
        sql.kill()
    else:
        sql.control(**AWAY[away])
        sql.restart()  # else sessions that there are go on
    try:
        yield
    finally:
        if away == "frozen":
            sql.process.send_signal(signal.SIGCONT)
        elif away == "refused":
            sql.launch()
        else:
            sql.control()


class Drain:
    """A drain of `node`, begun as in `cell`."""

    def __init__(self, node: Node, cell: Cell) -> None:
        self.node = node
        self.by = cell.by
        self.begun = time.monotonic()
        self.took: float | None = None
        if cell.by == "the stop":
            node.send()
            return
        cancel = ["--cancel-tasks", "--cancel-wait", "5"] if cell.by == "a hook" else []
        command = [*enter(node.pid), *OCTO_NODE, "drain", "--wait", f"{cell.wait:g}", *cancel]
        self.process = subprocess.Popen(command, env=node.environment, cwd=ROOT, stderr=subprocess.DEVNULL)

    @property
    def has_ended(self) -> bool:
        """Whether it has ended."""
        if self.by == "the stop":
            return any(text in self.node.log for text in ENDS)
        return self.process.poll() is not None

    def let_pass(self, seconds: float) -> None:
        """Let time pass, and note when the drain ends; a hook is followed by its stop."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._look()
            time.sleep(0.1)

    def finish(self, seconds: float) -> float:
        """Return the seconds that the drain took, once it has ended."""
        wait_until(self._look, seconds, what="the drain has ended")
        assert self.took is not None
        return self.took

    def _look(self) -> bool:
        if self.took is None and self.has_ended:
            self.took = time.monotonic() - self.begun
            if self.by == "a hook":
                self.node.send()
        return self.took is not None

    @property
    def code(self) -> int:
        """What it ended with; of a stop, what the container did."""
        return self.node.wait() if self.by == "the stop" else self.process.wait()


def run(node: Node, sql: SqlServer, cell: Cell) -> tuple[Drain, float]:
    """Drain as in `cell`; return the drain, and the seconds it took."""
    limit = cell.wait + 5 + GRACE_SECONDS + SLACK
    seconds = LONG[cell.long]
    drain = None
    if cell.moment != MOMENTS[0]:
        drain = Drain(node, cell)
        node.wait_log("1 task running")
    if drain is not None and cell.moment == MOMENTS[2]:
        drain.let_pass(cell.wait - NEAR - (time.monotonic() - drain.begun))
    with without(sql, cell.away):
        drain = drain or Drain(node, cell)
        if seconds is not None:
            drain.let_pass(seconds)
        else:
            return drain, drain.finish(limit)
    return drain, drain.finish(limit)


@pytest.mark.parametrize("cell", cells(), ids=", ".join)
def test_sql_server_is_away(tmp_path: Path, cell: Cell) -> None:
    """No task is lost while time is left, no drain lasts beyond its wait and the grace, and the log has the outcome."""
    # the server isn't what is tried: Microsoft's driver never comes back from a handshake that nobody answers
    environ = {"STANDIN_OCTOPUS_POLL": "0.2", "STANDIN_OCTOPUS_DRIVER": odbcini.libraries()[odbcini.FREETDS]}
    if cell.by == "the stop":
        environ["OCTO_NODE_DRAIN_ON_STOP"] = f"{cell.wait:g}"
    with (
        SqlServer.start(tmp_path / "sql", tls="on") as sql,
        Node(tmp_path, sql, **environ) as node,
    ):
        node.start().wait_phase("up")
        running = task(node, cell.task)
        drain, took = run(node, sql, cell)
        code = drain.code
        log = node.log
        wait_until(lambda: cell.by == "hand" or "octo-node exits with" in node.log, 60, what="the end of the stop")
        states = sql.query(DATABASE, "SELECT State FROM ServerTask")
        note(cell, code, took, str(states[0][0]))

        assert took <= cell.wait + (5 if cell.by == "a hook" else 0) + GRACE_SECONDS + SLACK
        if cell.is_saved:
            assert (code, states) == (0, [("Success",)]), log
        else:
            # 137: a server that doesn't end for want of SQL Server, and is killed by the stop
            assert code in {20, 21, *({0} if cell.by == "a hook" else {137} if cell.by == "the stop" else {})}, log
            assert code == 0 or cell.by == "hand" or "The stop cuts off" in node.termination, node.log
        assert running in log or "be counted" in log, log


def note(cell: Cell, code: int, took: float, state: str) -> None:
    """Append the row to the table, if there is one."""
    path = os.environ.get("OCTO_TEST_DRAINS_TABLE")
    if path:
        driver = os.environ.get("OCTO_TEST_DRIVER", "")
        with Path(path).open("a") as file:
            file.write(f"| {' | '.join(cell)} | {driver} | {cell.wait:g} s | {took:.0f} s | {code} | {state} |\n")
