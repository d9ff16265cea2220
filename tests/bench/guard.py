"""Many nodes on one database: until all are up, how long its lock is held, how soon a node that waits goes on."""

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from node import DATABASE, Node
from processes import wait_until
from standin.octopus import integrity, migrations
from standin.sqlserver.testing import SqlServer

from .figures import Effort, Figure, Row, median


OLD, NEW = "2026.1.50", "2026.2.197"
MANY = (8, 32)
PATIENCE = 200  # seconds until all nodes are up
GOES_ON = 5.0  # seconds
RELEASED = "The schema's lock is released."
WAITS = "Waiting for "  # what a node says that can't have the lock at once


class Start(NamedTuple):
    """What came of nodes that were started together.

    Seconds until all were up, seconds for which one node had the lock alone, how many nodes waited for it, and whether
    the schema was changed as often as it had to be.
    """

    total: float
    held: float
    waited: int
    is_whole: bool


def rows(effort: Effort) -> list[Row]:
    """Return the starts of many nodes beside those of one, and how soon a node goes on that waited for others."""
    found = []
    for what, start in (("a new database", _new), ("an older database", _older)):
        one = start(1)
        for count in MANY[: effort.of(2, 1)]:
            found += _rows(f"{count} nodes on {what}", start(count), one)
    count = MANY[effort.of(2, 1) - 1]
    found += _beside(count, _same(count))
    late = median([_goes_on() for _ in range(effort.of(5, 2))], "s", 2)
    what = "the last older node's stop → the newer one migrates"
    return [*found, Row(what, late, "its own look each second", None, f"≤ {GOES_ON:g} s", late.number <= GOES_ON)]


def _rows(what: str, many: Start, one: Start) -> list[Row]:
    whole = "one migration, all up"
    return [
        Row(f"{what}: until all are up", _seconds(many.total), "one node", _seconds(one.total), whole, many.is_whole),
        Row(f"{what}: the lock is held", _seconds(many.held), "one node", _seconds(one.held)),
    ]


def _beside(count: int, start: Start) -> list[Row]:
    """Return the figures of nodes that change no schema: each writes its settings, and none has to wait."""
    what, peer = f"{count} nodes on a database of their version", "one node alone at a time"
    waited = Figure(start.waited, str(start.waited))
    return [
        Row(f"{what}: until all are up", _seconds(start.total), peer, None, "no migration", start.is_whole),
        Row(f"{what}: the exclusive lock is held", _seconds(start.held), peer, None, "0 s", start.held == 0),
        Row(f"{what}: nodes that wait for another", waited, peer, None, "0", start.waited == 0),
    ]


def _seconds(value: float) -> Figure:
    return Figure(value, f"{value:.1f} s")


@contextmanager
def _place() -> Iterator[tuple[ExitStack, Path, SqlServer]]:
    with tempfile.TemporaryDirectory(prefix="octo-node-bench-") as folder, ExitStack() as stack:
        sql = stack.enter_context(SqlServer.start(Path(folder) / "sql", tls="off"))
        yield stack, Path(folder), sql


def _nodes(stack: ExitStack, folder: Path, sql: SqlServer, names: range, version: str) -> list[Node]:
    """Return nodes of a version; the stand-in's own protection is off, so that only the guard is measured."""
    environ = {
        "MASTER_KEY": "6EdU6IWsCtMEwk0kPKflQQ==",
        "OCTO_NODE_LOG_FORMAT": "json",
        "STANDIN_OCTOPUS_NO_UPGRADE_LOCK": "true",
        "STANDIN_OCTOPUS_NO_NODE_CHECK": "true",
        "STANDIN_OCTOPUS_MIGRATION": "1",
    }
    return [
        stack.enter_context(
            Node(folder / f"{version}-{i}", sql, version, OCTOPUS_SERVER_NODE_NAME=f"node-{i}", **environ)
        )
        for i in names
    ]


def _new(count: int) -> Start:
    with _place() as (stack, folder, sql):
        return _start(_nodes(stack, folder, sql, range(count), NEW), sql, migrations_wanted=1)


def _older(count: int) -> Start:
    with _place() as (stack, folder, sql):
        first = _nodes(stack, folder, sql, range(1), OLD)[0]
        first.start().wait_phase("up")
        first.terminate()
        return _start(_nodes(stack, folder, sql, range(count), NEW), sql, migrations_wanted=2)


def _same(count: int) -> Start:
    with _place() as (stack, folder, sql):
        first = _nodes(stack, folder / "first", sql, range(1), NEW)[0]
        first.start().wait_phase("up")
        first.terminate()
        return _start(_nodes(stack, folder, sql, range(count), NEW), sql, migrations_wanted=1)


def _start(nodes: list[Node], sql: SqlServer, migrations_wanted: int) -> Start:
    begun = time.monotonic()
    for node in nodes:
        node.start()
    for node in nodes:
        node.wait_phase("up", seconds=PATIENCE)
    total = time.monotonic() - begun
    with sql.connect(database=DATABASE) as connection:
        is_whole = not integrity(connection) and migrations(connection) == migrations_wanted
    waited = sum(WAITS in node.log for node in nodes)
    return Start(total, sum(_held(node) for node in nodes), waited, is_whole)


def _held(node: Node) -> float:
    lines = [json.loads(line) for line in node.log.splitlines() if RELEASED in line]
    return sum(float(line["seconds"]) for line in lines if line["mode"] == "exclusive")


def _goes_on() -> float:
    """Return the seconds from the end of the second of two older nodes until the newer one begins to migrate."""
    with _place() as (stack, folder, sql):
        olds = _nodes(stack, folder, sql, range(2), OLD)
        for node in olds:
            node.start()
            node.wait_phase("up")
        new = _nodes(stack, folder, sql, range(2, 3), NEW)[0]
        new.start().wait_log("other nodes still run on it")
        for node in olds:
            node.terminate()
        stopped = time.monotonic()
        wait_until(lambda: any("database" in line["argv"] for line in new.journal()), what="it goes on")
        return time.monotonic() - stopped
