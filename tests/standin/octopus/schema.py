"""The schema: which tables there are, which scripts made them, and whose version they belong to."""

import re
from dataclasses import dataclass
from enum import StrEnum

import pyodbc

from . import about, control, sql, switches
from .failures import ControlledFailureError


SCRIPT_NAME = "Octopus.Core.Database.UpgradeScripts.Script{number:04} - {version} step {step}.sql"
_VERSION_IN_SCRIPT = re.compile(r" - ([0-9.]+) step ")
_KEYS = "Id nvarchar(250) NOT NULL PRIMARY KEY, "
_TABLES = {
    "SchemaVersions": "Id int IDENTITY(1,1) NOT NULL PRIMARY KEY, ScriptName nvarchar(255) NOT NULL, "
    "Applied datetime NOT NULL",
    "Mutex": _KEYS + "JSON nvarchar(max) NULL",
    "Configuration": _KEYS + "JSON nvarchar(max) NULL",
    "License": _KEYS + "JSON nvarchar(max) NULL",
    "ApiKey": _KEYS + "UserId nvarchar(50) NOT NULL, KeyHash nvarchar(100) NOT NULL, IsAdmin bit NOT NULL",
    "ServerTask": _KEYS + "Name nvarchar(50) NOT NULL, Description nvarchar(max) NULL, "
    "QueueTime datetimeoffset NULL, StartTime datetimeoffset NULL, CompletedTime datetimeoffset NULL, "
    "ErrorMessage nvarchar(max) NULL, ConcurrencyTag nvarchar(100) NULL, State nvarchar(50) NOT NULL, "
    "HasPendingInterruptions bit NOT NULL DEFAULT 0, HasWarningsOrErrors bit NOT NULL DEFAULT 0, "
    "ServerNodeId nvarchar(250) NULL, ProjectId nvarchar(50) NULL, EnvironmentId nvarchar(50) NULL, "
    "TenantId nvarchar(50) NULL, SpaceId nvarchar(50) NULL, DurationSeconds int NULL, "
    "JSON nvarchar(max) NULL",
}
_USER = (
    _KEYS + "Username nvarchar(200) NOT NULL, EmailAddress nvarchar(200) NULL, DisplayName nvarchar(200) NULL, "
    "IsService bit NOT NULL, IsActive bit NOT NULL, JSON nvarchar(max) NULL"
)
_HISTORY = _KEYS + "Node nvarchar(200) NULL, Version {version} NULL, Installed datetimeoffset NOT NULL, "
_VERSION_TYPES = {"text": "nvarchar(200)", "empty": "nvarchar(200)", "max": "nvarchar(max)", "binary": "varbinary(200)"}
_NODE = (
    _KEYS + "Name nvarchar(200) NOT NULL, {seen}Rank nvarchar(50) NULL, "
    "MaxConcurrentTasks int NOT NULL DEFAULT 5, IsInMaintenanceMode bit NOT NULL DEFAULT 0, "
    "JSON nvarchar(max) NULL"
)
_STATUS = "{key} nvarchar(250) NOT NULL PRIMARY KEY, LastSeen datetimeoffset NULL, {offline}JSON nvarchar(max) NULL"
_IS_OFFLINE = "IsOffline bit NOT NULL DEFAULT 0, "
_STATUS_COLUMNS = "SELECT name FROM sys.columns WHERE object_id = OBJECT_ID('OctopusServerNodeStatus')"


class Layout(StrEnum):
    """Where the heartbeat is kept; readers have to hold with each."""

    CLASSIC = "classic"
    STATUS = "status"
    BARE = "bare"


@dataclass(frozen=True)
class Shape:
    """A layout, and the columns of OctopusServerNodeStatus, which aren't published."""

    layout: Layout
    key: str = ""
    has_offline: bool = False


class State(StrEnum):
    """The schema, compared with what this version needs."""

    ABSENT = "absent"
    OLDER = "older"
    CURRENT = "current"
    NEWER = "newer"


def state(connection: pyodbc.Connection) -> State:
    """Compare the schema with this version."""
    if not sql.has_table(connection, "SchemaVersions"):
        return State.ABSENT
    applied = [_version(name) for name in scripts(connection)]
    newest = max(applied, default=())
    own = about.ordered(version())
    if newest > own:
        return State.NEWER
    return State.CURRENT if newest == own else State.OLDER


def version() -> str:
    """The version of the schema this server needs: its own, or only its release."""
    own = about.version()
    return about.release(own) if switches.value("schema_per") == "release" else own


def scripts(connection: pyodbc.Connection) -> list[str]:
    """The scripts that were applied, in their order."""
    return [str(row[0]) for row in sql.rows(connection, "SELECT ScriptName FROM SchemaVersions ORDER BY Id")]


def due(connection: pyodbc.Connection, present: State) -> list[str]:
    """The scripts that bring the schema to this version."""
    first = 1 if present is State.ABSENT else len(scripts(connection)) + 1
    steps = max(1, int(control.number("scripts", 3)))
    return [SCRIPT_NAME.format(number=first + step, version=version(), step=step + 1) for step in range(steps)]


def require_compatible(connection: pyodbc.Connection) -> None:
    """Refuse a schema that a newer version has made."""
    own = about.ordered(version())
    extra = [name for name in scripts(connection) if _version(name) > own]
    if extra:
        raise ControlledFailureError(
            f"Unexpected upgrade history detected. You need a later version of Octopus Server than this one "
            f"({about.version()}), or a backup of the database. Extra upgrade script(s) found: {', '.join(extra)}"
        )


def require_current(connection: pyodbc.Connection) -> None:
    """Refuse a schema that still has to be upgraded."""
    if state(connection) in {State.OLDER, State.ABSENT}:
        raise ControlledFailureError(
            f"The database schema has to be upgraded before version {about.version()} can use it. Run the "
            f"'database --upgrade' command first, or use --skipDatabaseSchemaUpgradeCheck."
        )


def create_tables(connection: pyodbc.Connection) -> None:
    """Create all tables of a new database."""
    chosen = Layout(str(switches.value("schema")))
    seen = "LastSeen datetimeoffset NULL, " if chosen is Layout.CLASSIC else ""
    tables = _TABLES | {"OctopusServerNode": _NODE.format(seen=seen)}
    if chosen is Layout.STATUS:
        offline = _IS_OFFLINE if switches.on("status_offline") else ""
        tables |= {"OctopusServerNodeStatus": _STATUS.format(key=switches.value("status_key"), offline=offline)}
    if chosen is not Layout.BARE:
        history = _HISTORY.format(version=_VERSION_TYPES[str(switches.value("version_column"))])
        tables |= {"[User]": _USER, "OctopusServerInstallationHistory": history + "JSON nvarchar(max) NULL"}
    for table, columns in tables.items():
        connection.execute(f"CREATE TABLE {table} ({columns})")


def shape(connection: pyodbc.Connection) -> Shape:
    """Where this database keeps the heartbeat, and in which columns."""
    columns = [str(row[0]) for row in sql.rows(connection, _STATUS_COLUMNS)]
    if columns:
        key = next(column for column in columns if column.endswith("Id"))
        return Shape(Layout.STATUS, key, "IsOffline" in columns)
    classic = sql.has_column(connection, "OctopusServerNode", "LastSeen")
    return Shape(Layout.CLASSIC if classic else Layout.BARE)


def version_column(connection: pyodbc.Connection) -> str:
    """Which kind of value Version of the installation history takes: NULL as told, else by its type."""
    statement = (
        "SELECT t.name FROM sys.columns c INNER JOIN sys.types t ON t.user_type_id = c.user_type_id "
        "WHERE c.object_id = OBJECT_ID('OctopusServerInstallationHistory') AND c.name = 'Version'"
    )
    if switches.value("version_column") == "empty":
        return "empty"
    return "binary" if sql.text(connection, statement) == "varbinary" else "text"


def _version(script: str) -> tuple[int, ...]:
    """The version a script belongs to."""
    found = _VERSION_IN_SCRIPT.search(script)
    return about.ordered(found[1]) if found else ()
