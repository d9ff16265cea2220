"""The schema: which tables there are, which scripts made them, and whose version they belong to."""

import re
from enum import StrEnum

import pyodbc

from . import about, control, sql
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
_HISTORY = _KEYS + "Node nvarchar(200) NULL, Version nvarchar(200) NULL, Installed datetimeoffset NOT NULL, "
_NODE = (
    _KEYS + "Name nvarchar(200) NOT NULL, {seen}Rank nvarchar(50) NULL, "
    "MaxConcurrentTasks int NOT NULL DEFAULT 5, IsInMaintenanceMode bit NOT NULL DEFAULT 0, "
    "JSON nvarchar(max) NULL"
)
_STATUS = _KEYS + "LastSeen datetimeoffset NULL, IsOffline bit NOT NULL DEFAULT 0, JSON nvarchar(max) NULL"


class Layout(StrEnum):
    """Where the heartbeat is kept; readers have to hold with each."""

    CLASSIC = "classic"
    STATUS = "status"
    BARE = "bare"


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
    by_release = control.setting("schema_per", "version") == "release"
    return ".".join(own.split(".")[:2]) if by_release else own


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
            f"Unexpected upgrade history detected. The database has been upgraded by a newer version of "
            f"Octopus Server than this one ({about.version()}). Extra upgrade script(s) found: "
            f"{', '.join(extra)}. Install a newer version of Octopus Server, restore a backup of the "
            f"database, or use --skipDatabaseCompatibilityCheck."
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
    chosen = Layout(control.environment("SCHEMA", Layout.STATUS))
    seen = "LastSeen datetimeoffset NULL, " if chosen is Layout.CLASSIC else ""
    tables = _TABLES | {"OctopusServerNode": _NODE.format(seen=seen)}
    if chosen is Layout.STATUS:
        tables |= {"OctopusServerNodeStatus": _STATUS}
    if chosen is not Layout.BARE:
        tables |= {"[User]": _USER, "OctopusServerInstallationHistory": _HISTORY + "JSON nvarchar(max) NULL"}
    for table, columns in tables.items():
        connection.execute(f"CREATE TABLE {table} ({columns})")


def layout(connection: pyodbc.Connection) -> Layout:
    """Where this database keeps the heartbeat."""
    if sql.has_table(connection, "OctopusServerNodeStatus"):
        return Layout.STATUS
    return Layout.CLASSIC if sql.has_column(connection, "OctopusServerNode", "LastSeen") else Layout.BARE


def _version(script: str) -> tuple[int, ...]:
    """The version a script belongs to."""
    found = _VERSION_IN_SCRIPT.search(script)
    return about.ordered(found[1]) if found else ()
