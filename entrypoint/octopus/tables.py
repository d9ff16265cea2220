"""What can be read from Octopus's tables, and never written.

Their names and columns are those of public schema dumps, which later versions differ from: whatever isn't
there means *unknown*, never an error.
"""

import datetime
from dataclasses import dataclass

import pyodbc

from .version import Version, parse


_OURS = ("SchemaVersions", "OctopusServerNode", "OctopusServerInstallationHistory", "ServerTask")


@dataclass(frozen=True, slots=True)
class Installed:
    """What is in a database.

    Attributes: `created`, when the database was made (by its own clock); `has_schema`, whether Octopus's tables
    are in it; `is_foreign`, whether there are only others; `newest`, the version installed last (None: unknown).
    """

    created: datetime.datetime | None
    has_schema: bool
    is_foreign: bool
    newest: Version | None


DEAD_SECONDS = 300  # without a sign of life; what the makers' own scale-in script takes for dead
EMPTY = Installed(created=None, has_schema=False, is_foreign=False, newest=None)


@dataclass(frozen=True, slots=True)
class Task:
    """A task that a node works on."""

    id: str
    description: str
    state: str


def look(connection: pyodbc.Connection) -> Installed:
    """Return what is in the database that `connection` is in. Raise pyodbc.Error if it can't be asked."""
    names = {name.lower() for (name,) in _rows(connection, "SELECT name FROM sys.tables")}
    ours = names & {name.lower() for name in _OURS}
    return Installed(
        created=created(connection),
        has_schema=bool(ours),
        is_foreign=bool(names) and not ours,
        newest=newest_version(connection),
    )


def created(connection: pyodbc.Connection) -> datetime.datetime | None:
    """Return when the database was made, by its own clock; None if that isn't told."""
    rows = _rows(connection, "SELECT create_date FROM sys.databases WHERE name = DB_NAME()")
    return rows[0][0] if rows else None


def newest_version(connection: pyodbc.Connection) -> Version | None:
    """Return the version that was installed last; None if that isn't told."""
    if not _columns(connection, "OctopusServerInstallationHistory") >= {"version", "installed"}:
        return None
    rows = _rows(connection, "SELECT TOP 1 Version FROM dbo.OctopusServerInstallationHistory ORDER BY Installed DESC")
    return parse(rows[0][0]) if rows else None


def has_user(connection: pyodbc.Connection, name: str) -> bool | None:
    """Return whether Octopus has a user of that name; None if its users can't be read."""
    if "username" not in _columns(connection, "User"):
        return None
    return bool(_rows(connection, "SELECT 1 FROM dbo.[User] WHERE Username = ?", name))


def has_any_user(connection: pyodbc.Connection) -> bool | None:
    """Return whether Octopus has users at all; None if they can't be read."""
    if "username" not in _columns(connection, "User"):
        return None
    return bool(_rows(connection, "SELECT TOP 1 1 FROM dbo.[User]"))


def other_nodes_alive(connection: pyodbc.Connection, own: str) -> list[str]:
    """Return the names of the other nodes that are alive; none if the tables don't tell.

    A node that stopped in order marks itself offline, a dead one's LastSeen goes stale: by the database's clock,
    because nodes' clocks differ. Since 2019 both stand in a table of their own (OctopusDeploy issue 5729), whose
    columns aren't published.
    """
    nodes = _columns(connection, "OctopusServerNode")
    status = _columns(connection, "OctopusServerNodeStatus")
    if "name" not in nodes:
        return []
    key = next((column for column in ("octopusservernodeid", "nodeid", "id") if column in status), None)
    live, columns, join = "n", nodes, ""
    if "lastseen" in status and key is not None and "id" in nodes:
        live, columns, join = "s", status, f"INNER JOIN dbo.OctopusServerNodeStatus s ON s.{key} = n.Id "
    if "lastseen" not in columns:
        return []
    offline = f"AND {live}.IsOffline = 0 " if "isoffline" in columns else ""
    rows = _rows(
        connection,
        f"SELECT n.Name FROM dbo.OctopusServerNode n {join}"  # noqa: S608 - made of names that stand above
        f"WHERE n.Name <> ? AND {live}.LastSeen > DATEADD(second, -{DEAD_SECONDS}, SYSDATETIMEOFFSET()) {offline}"
        "ORDER BY n.Name",
        own,
    )
    return [name for (name,) in rows]


def running_tasks(connection: pyodbc.Connection, node: str) -> list[Task] | None:
    """Return the tasks that the node named `node` works on; None if the tables don't tell.

    A task that waits for a person (`HasPendingInterruptions`) isn't running.
    """
    tasks = _columns(connection, "ServerTask")
    nodes = _columns(connection, "OctopusServerNode")
    if not (tasks >= {"id", "state", "servernodeid", "haspendinginterruptions"} and nodes >= {"id", "name"}):
        return None
    description = "t.Description" if "description" in tasks else "t.Id"
    rows = _rows(
        connection,
        f"SELECT t.Id, {description}, t.State FROM dbo.ServerTask t "  # noqa: S608 - one of two literals
        "INNER JOIN dbo.OctopusServerNode n ON n.Id = t.ServerNodeId "
        "WHERE n.Name = ? AND t.State IN ('Executing', 'Cancelling') AND t.HasPendingInterruptions = 0 "
        "ORDER BY t.Id",
        node,
    )
    return [Task(id=id_, description=text or "", state=state) for id_, text, state in rows]


def _columns(connection: pyodbc.Connection, table: str) -> set[str]:
    """Return the lower-case names of a table's columns; none if there is no such table, or it isn't shown to us."""
    rows = _rows(connection, "SELECT name FROM sys.columns WHERE object_id = OBJECT_ID(?)", f"dbo.[{table}]")
    return {name.lower() for (name,) in rows}


def _rows(connection: pyodbc.Connection, statement: str, *parameters: str) -> list[pyodbc.Row]:
    with connection.cursor() as cursor:
        rows: list[pyodbc.Row] = cursor.execute(statement, *parameters).fetchall()
        return rows
