"""Reads Octopus's tables, which are never written.

Their names and columns are those of public schema dumps, which later versions differ from: whatever isn't
there means *unknown*, never an error.
"""

import datetime
import json
from dataclasses import dataclass

from entrypoint.sqlserver.connect import Connection

from .queries import UnknownError, columns, rows
from .running_task import STATES, Task
from .version import Version, parse


# tables of no other application; SchemaVersions is DbUp's, which others use as well
_OURS = {"octopusservernode", "octopusserverinstallationhistory", "octopusservernodestatus"}
_MARKS = ", ".join("?" for _ in STATES)
_ANYBODYS = {"schemaversions"}


class NoNodeError(UnknownError):
    """The database has no node of that name."""

    def __init__(self, node: str) -> None:
        super().__init__(
            f"the database has no node named {node}: give this process the OCTOPUS_SERVER_NODE_NAME that "
            "`octo-node run` has, or wait until the server has made its row"
        )


@dataclass(frozen=True, slots=True)
class Installed:
    """What is in a database.

    Attributes: `created`, when the database was made (by its own clock); `has_schema`, whether Octopus's tables
    are in it; `is_foreign`, whether there are only others; `newest`, the highest version noted (None: unknown).
    """

    created: datetime.datetime | None
    has_schema: bool
    is_foreign: bool
    newest: Version | None


EMPTY = Installed(created=None, has_schema=False, is_foreign=False, newest=None)


def look(connection: Connection) -> Installed:
    """Return what is in the database that `connection` is in. Raise pyodbc.Error if it can't be asked."""
    in_dbo = "CASE WHEN schema_id = SCHEMA_ID('dbo') THEN 1 ELSE 0 END"
    # those of another schema are somebody else's, whatever they are called
    found = rows(connection, f"SELECT name, {in_dbo} FROM sys.tables")  # noqa: S608 - a literal
    names = {name.lower() if ours else f"[other].{name}" for name, ours in found}
    ours = names & _OURS
    return Installed(
        created=created(connection),
        has_schema=bool(ours),
        is_foreign=bool(names - _ANYBODYS) and not ours,
        newest=newest_version(connection),
    )


def created(connection: Connection) -> datetime.datetime | None:
    """Return when the database was created, by its own clock; None if that is unknown."""
    found = rows(connection, "SELECT create_date FROM sys.databases WHERE name = DB_NAME()")
    return found[0][0] if found else None


def newest_version(connection: Connection) -> Version | None:
    """Return the highest version on record; None if it is unknown.

    Not the one noted last: a restored row, or one without a version, mustn't hide what the schema was brought to.
    """
    if "version" not in columns(connection, "OctopusServerInstallationHistory"):
        return None
    try:
        found = rows(connection, "SELECT DISTINCT Version FROM dbo.OctopusServerInstallationHistory")
    except UnknownError:
        return None
    # a column of another type than text has no versions, even if its numbers look like some
    versions = [parse(noted) for (noted,) in found if isinstance(noted, str)]
    return max((version for version in versions if version is not None), default=None)


def has_user(connection: Connection, name: str) -> bool | None:
    """Return whether Octopus has a user of that name; None if its users can't be read."""
    return _has(connection, "SELECT 1 FROM dbo.[User] WHERE Username = ?", name)


def has_any_user(connection: Connection) -> bool | None:
    """Return whether Octopus has users besides the guest, whom it may make itself; None if they can't be read."""
    return _has(connection, "SELECT TOP 1 1 FROM dbo.[User] WHERE Username <> 'guest'")


def licence(connection: Connection) -> str | None:
    """Return the XML of the licence that the database has; None if it doesn't tell.

    The table's columns aren't published: whatever in its JSON is XML of a licence, is one.
    """
    if "json" not in columns(connection, "License"):
        return None
    try:
        found = rows(connection, "SELECT JSON FROM dbo.License")
        documents = [json.loads(str(text)) for (text,) in found]
    except (UnknownError, ValueError, RecursionError):
        return None
    texts = [value for document in documents if isinstance(document, dict) for value in document.values()]
    return next((text for text in texts if isinstance(text, str) and "<License" in text), None)


def _has(connection: Connection, statement: str, *parameters: str) -> bool | None:
    if "username" not in columns(connection, "User"):
        return None
    try:
        return bool(rows(connection, statement, *parameters))
    except UnknownError:
        return None


def running_tasks(connection: Connection, node: str) -> list[Task]:
    """Return the tasks that the node named `node` works on.

    Raise NoNodeError if no node has that name: nobody's tasks were looked at; UnknownError if the tables don't tell.
    """
    there = columns(connection, "ServerTask")
    description = "t.Description" if "description" in there else "t.Id"
    age = "DATEDIFF_BIG(second, t.StartTime, SYSDATETIMEOFFSET())" if "starttime" in there else "NULL"
    found = rows(
        connection,
        f"SELECT t.Id, {description}, t.State, {age} FROM dbo.ServerTask t "  # noqa: S608 - one of two literals each
        "INNER JOIN dbo.OctopusServerNode n ON n.Id = t.ServerNodeId "
        f"WHERE n.Name = ? AND t.State IN ({_MARKS}) ORDER BY t.Id",
        node,
        *STATES,
    )
    if not found and not rows(connection, "SELECT 1 FROM dbo.OctopusServerNode WHERE Name = ?", node):
        raise NoNodeError(node)
    return [
        Task(id=id_, description=text or "", state=state, seconds=None if age is None else float(age))
        for id_, text, state, age in found
    ]


def queued_tasks(connection: Connection) -> int | None:
    """Return how many tasks wait for a node to take them, on all nodes; None if the tables don't tell.

    Those that wait for a person are no work for anybody: see `running_tasks`.
    """
    there = columns(connection, "ServerTask")
    waiting = " AND HasPendingInterruptions = 0" if "haspendinginterruptions" in there else ""
    try:
        found = rows(connection, f"SELECT COUNT(*) FROM dbo.ServerTask WHERE State = 'Queued'{waiting}")  # noqa: S608 - literals
    except UnknownError:
        return None
    return int(found[0][0])


def running_by_node(connection: Connection) -> dict[str, int] | None:
    """Return how many tasks each node works on, by the node's Id; None if the tables don't tell."""
    try:
        found = rows(
            connection,
            f"SELECT ServerNodeId, COUNT(*) FROM dbo.ServerTask WHERE State IN ({_MARKS}) "  # noqa: S608 - `?`
            "GROUP BY ServerNodeId",
            *STATES,
        )
    except UnknownError:
        return None
    return {str(node): int(count) for node, count in found}


def is_draining(connection: Connection, node: str) -> bool | None:
    """Return whether the node named `node` is flagged to take no new tasks; None if its row doesn't tell."""
    if not columns(connection, "OctopusServerNode") >= {"name", "isinmaintenancemode"}:
        return None
    try:
        found = rows(connection, "SELECT IsInMaintenanceMode FROM dbo.OctopusServerNode WHERE Name = ?", node)
    except UnknownError:
        return None
    return bool(found[0][0]) if found else None
