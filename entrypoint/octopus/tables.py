"""What can be read from Octopus's tables, and never written.

Their names and columns are those of public schema dumps, which later versions differ from: whatever isn't
there means *unknown*, never an error.
"""

import datetime
from dataclasses import dataclass

import pyodbc

from .reading import UnknownError, columns, rows
from .version import Version, parse


# tables of no other application; SchemaVersions is DbUp's, which others use as well
_OURS = {"octopusservernode", "octopusserverinstallationhistory", "octopusservernodestatus"}
_ANYBODYS = {"schemaversions"}


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


EMPTY = Installed(created=None, has_schema=False, is_foreign=False, newest=None)


@dataclass(frozen=True, slots=True)
class Task:
    """A task that a node works on."""

    id: str
    description: str
    state: str


def look(connection: pyodbc.Connection) -> Installed:
    """Return what is in the database that `connection` is in. Raise pyodbc.Error if it can't be asked."""
    names = {name.lower() for (name,) in rows(connection, "SELECT name FROM sys.tables")}
    ours = names & _OURS
    return Installed(
        created=created(connection),
        has_schema=bool(ours),
        is_foreign=bool(names - _ANYBODYS) and not ours,
        newest=newest_version(connection),
    )


def created(connection: pyodbc.Connection) -> datetime.datetime | None:
    """Return when the database was made, by its own clock; None if that isn't told."""
    found = rows(connection, "SELECT create_date FROM sys.databases WHERE name = DB_NAME()")
    return found[0][0] if found else None


def newest_version(connection: pyodbc.Connection) -> Version | None:
    """Return the version that was installed last; None if that isn't told."""
    if not columns(connection, "OctopusServerInstallationHistory") >= {"version", "installed"}:
        return None
    try:
        found = rows(
            connection, "SELECT TOP 1 Version FROM dbo.OctopusServerInstallationHistory ORDER BY Installed DESC"
        )
    except UnknownError:
        return None
    return parse(found[0][0]) if found else None


def has_user(connection: pyodbc.Connection, name: str) -> bool | None:
    """Return whether Octopus has a user of that name; None if its users can't be read."""
    return _has(connection, "SELECT 1 FROM dbo.[User] WHERE Username = ?", name)


def has_any_user(connection: pyodbc.Connection) -> bool | None:
    """Return whether Octopus has users besides the guest, whom it may make itself; None if they can't be read."""
    return _has(connection, "SELECT TOP 1 1 FROM dbo.[User] WHERE Username <> 'guest'")


def _has(connection: pyodbc.Connection, statement: str, *parameters: str) -> bool | None:
    if "username" not in columns(connection, "User"):
        return None
    try:
        return bool(rows(connection, statement, *parameters))
    except UnknownError:
        return None


def running_tasks(connection: pyodbc.Connection, node: str) -> list[Task]:
    """Return the tasks that the node named `node` works on. Raise UnknownError if the tables don't tell.

    A task that waits for a person (`HasPendingInterruptions`) isn't running.
    """
    description = "t.Description" if "description" in columns(connection, "ServerTask") else "t.Id"
    found = rows(
        connection,
        f"SELECT t.Id, {description}, t.State FROM dbo.ServerTask t "  # noqa: S608 - one of two literals
        "INNER JOIN dbo.OctopusServerNode n ON n.Id = t.ServerNodeId "
        "WHERE n.Name = ? AND t.State IN ('Executing', 'Cancelling') AND COALESCE(t.HasPendingInterruptions, 0) = 0 "
        "ORDER BY t.Id",
        node,
    )
    return [Task(id=id_, description=text or "", state=state) for id_, text, state in found]
