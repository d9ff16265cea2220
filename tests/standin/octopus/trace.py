"""What a migration leaves behind, so that tests can see in the data whether two of them met.

The counter is read, and written back a pause later, outside any lock or transaction: two migrations at once
lose counts. A running node that finds another version's schema beneath it leaves a line, too.
"""

from __future__ import annotations

import itertools
import time


TYPE_CHECKING = False
if TYPE_CHECKING:
    import pyodbc

TABLES = (
    (
        "CREATE TABLE SchemaTrace (Run nvarchar(50) NOT NULL, Script nvarchar(255) NOT NULL, "
        "Node nvarchar(200) NOT NULL, Started float NOT NULL, Ended float NULL)"
    ),
    "CREATE TABLE SchemaCounter (Id int NOT NULL PRIMARY KEY, Counted int NOT NULL)",
    "CREATE TABLE SchemaViolation (Happened float NOT NULL, Description nvarchar(400) NOT NULL)",
)


def create_tables(connection: pyodbc.Connection) -> None:
    """Create the tables of the trace, unless they are there."""
    from . import sql  # noqa: PLC0415 - importing the package alone must not cost pyodbc

    for statement in TABLES:
        if not sql.has_table(connection, statement.split()[2]):
            connection.execute(statement)
    if not sql.number(connection, "SELECT COUNT(*) FROM SchemaCounter"):
        connection.execute("INSERT INTO SchemaCounter (Id, Counted) VALUES (1, 0)")


def script(connection: pyodbc.Connection, run: str, name: str, node: str, seconds: float) -> None:
    """Leave the trace of one script that takes this long."""
    connection.execute(
        "INSERT INTO SchemaTrace (Run, Script, Node, Started) VALUES (?, ?, ?, ?)",
        run,
        name,
        node,
        time.time(),
    )
    counted = connection.execute("SELECT Counted FROM SchemaCounter WHERE Id = 1").fetchval()
    time.sleep(seconds)
    connection.execute("UPDATE SchemaCounter SET Counted = ? WHERE Id = 1", counted + 1)
    connection.execute("UPDATE SchemaTrace SET Ended = ? WHERE Run = ? AND Script = ?", time.time(), run, name)


def violation(connection: pyodbc.Connection, description: str) -> None:
    """Write down that something happened that must not."""
    connection.execute(
        "INSERT INTO SchemaViolation (Happened, Description) VALUES (?, ?)", time.time(), description[:400]
    )


def integrity(connection: pyodbc.Connection) -> list[str]:
    """All signs in an Octopus database that migrations met each other or a running node; empty is good."""
    found = [str(row[0]) for row in connection.execute("SELECT Description FROM SchemaViolation").fetchall()]
    scripts = connection.execute("SELECT Run, Script, Node, Started, Ended FROM SchemaTrace").fetchall()
    counted = int(connection.execute("SELECT Counted FROM SchemaCounter").fetchval() or 0)
    completed = sum(ended is not None for *_, ended in scripts)
    if counted != completed:
        found.append(f"{completed} scripts were completed, but {counted} were counted")
    found += _overlaps([tuple(row) for row in scripts])
    names = [str(row[0]) for row in connection.execute("SELECT ScriptName FROM SchemaVersions").fetchall()]
    found += [f"{name} was applied twice" for name in sorted({name for name in names if names.count(name) > 1})]
    return found


def migrations(connection: pyodbc.Connection) -> int:
    """How many migrations there were; an upgrade that finds nothing to do is none."""
    return len({row[0] for row in connection.execute("SELECT Run FROM SchemaTrace").fetchall()})


def _overlaps(scripts: list[tuple[str, str, str, float, float | None]]) -> list[str]:
    """The runs that were under way at the same time."""
    spans: dict[str, tuple[float, float, str]] = {}
    for run, _, node, started, ended in scripts:
        first, last, _ = spans.get(run, (started, started, node))
        spans[run] = (min(first, started), max(last, ended or started), node)
    ordered = sorted(spans.values())
    return [
        f"the migrations of {earlier[2]} and {later[2]} overlap by {earlier[1] - later[0]:.3f} s"
        for earlier, later in itertools.pairwise(ordered)
        if later[0] < earlier[1]
    ]
