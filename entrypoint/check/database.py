"""SQL Server as the login sees it: version, collation, rights, clock."""

import time
from collections.abc import Iterator

from entrypoint.base.exitcodes import ExitCode
from entrypoint.octopus.queries import UnknownError, rows
from entrypoint.sqlserver import odbc
from entrypoint.sqlserver.connect import Connection
from entrypoint.sqlserver.connection_string import ConnectionString
from entrypoint.sqlserver.wait import Ready

from .findings import Finding, failed, passed, unknown, warned


# the first release by its major number; Octopus needs 2016 (documentation, `sql-server-database`)
RELEASES = {11: 2012, 12: 2014, 13: 2016, 14: 2017, 15: 2019, 16: 2022, 17: 2025}
OLDEST = 13
AZURE = {5: "Azure SQL Database", 8: "Azure SQL Managed Instance"}  # EngineEdition; their versions count otherwise
CLOCK_SECONDS = 60.0  # that clocks may differ: a node counts as dead after 300
# as text and numbers: a driver may not know sql_variant
_VERSION = (
    "SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)), CAST(SERVERPROPERTY('EngineEdition') AS int)"
)
_COLLATION = "SELECT CAST(DATABASEPROPERTYEX(DB_NAME(), 'Collation') AS nvarchar(128))"
_NEW_COLLATION = "SELECT CAST(SERVERPROPERTY('Collation') AS nvarchar(128))"
# any of these is enough; the last is what db_owner has
_OWNER = (
    "SELECT IS_ROLEMEMBER('db_owner'), IS_SRVROLEMEMBER('sysadmin'), "
    "HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'CONTROL')"
)
_CREATE = "SELECT HAS_PERMS_BY_NAME(NULL, NULL, 'CREATE ANY DATABASE')"
_CLOCK = "SELECT DATEDIFF_BIG(millisecond, '1970-01-01', SYSUTCDATETIME())"


def login(ready: Ready, seconds: float) -> Iterator[Finding]:
    """Say that the login was taken, which took `seconds`, and what our connection is less than the server's own."""
    string = ready.connection_string
    what = "" if ready.database_exists else f"; the database {string.database} isn't there yet, and a start makes it"
    yield passed("login", f"SQL Server at {string.address} takes the login ({seconds:.2f} s){what}.")
    for sentence in odbc.translate(string, odbc.installed_driver()).warnings:
        yield warned("login", sentence)


def look(connection: Connection, string: ConnectionString, *, is_new: bool, needs_schema: bool) -> Iterator[Finding]:
    """Look at the SQL Server of `connection`: in the Octopus database, or in `master` if that `is_new`.

    `needs_schema`: a start makes or upgrades the schema. Raise pyodbc.Error if it is lost.
    """
    yield from _version(connection)
    yield from _collation(connection, string, is_new=is_new)
    yield from _rights(connection, string, is_new=is_new, needs_schema=needs_schema)
    yield from _clock(connection)


def _version(connection: Connection) -> Iterator[Finding]:
    found = _asked(connection, _VERSION)
    text, edition = found or (None, None)
    major = str(text or "").partition(".")[0]
    if edition in AZURE:
        yield passed("sql version", f"SQL Server is {AZURE[edition]}.")
    elif not major.isdecimal():
        yield unknown("sql version", "SQL Server doesn't tell its version.")
    elif int(major) < OLDEST:
        name = RELEASES.get(int(major), text)
        yield failed(
            "sql version",
            ExitCode.COMMAND,
            f"SQL Server is {name} ({text}), and Octopus needs 2016 or later: update it.",
        )
    else:
        yield passed("sql version", f"SQL Server is {RELEASES.get(int(major), 'newer than 2025')} ({text}).")


def _collation(connection: Connection, string: ConnectionString, *, is_new: bool) -> Iterator[Finding]:
    found = _asked(connection, _NEW_COLLATION if is_new else _COLLATION)
    collation = str(found[0]) if found and found[0] else ""
    if not collation:
        yield unknown("collation", "The database doesn't tell its collation.")
    elif "_CI_" not in collation.upper():
        advice = (
            f"have an administrator create {string.database} with a collation such as Latin1_General_CI_AS"
            if is_new
            else "move Octopus to a database with a collation such as Latin1_General_CI_AS"
        )
        whose = "that a new database gets" if is_new else "of the database"
        yield failed(
            "collation",
            ExitCode.COMMAND,
            f"The collation {whose} is {collation}, and Octopus needs one that ignores case (_CI_): {advice}.",
        )
    else:
        yield passed("collation", f"The collation is {collation}.")


def _rights(connection: Connection, string: ConnectionString, *, is_new: bool, needs_schema: bool) -> Iterator[Finding]:
    found = _asked(connection, _CREATE if is_new else _OWNER)
    if found is None or all(right is None for right in found):
        yield unknown("rights", "SQL Server doesn't tell which rights the login has.")
    elif any(found):
        yield passed("rights", f"The login {'may create the database' if is_new else 'owns the database'}.")
    elif is_new:
        yield failed(
            "rights",
            ExitCode.COMMAND,
            f"The login may not create the database {string.database}: have an administrator create it, with the login "
            "as a member of db_owner, or make the login a member of dbcreator.",
        )
    else:
        sentence = (
            f"The login isn't a member of db_owner in {string.database}, which Octopus needs to upgrade its schema: "
            "ALTER ROLE db_owner ADD MEMBER adds it."
        )
        yield failed("rights", ExitCode.COMMAND, sentence) if needs_schema else warned("rights", sentence)


def _clock(connection: Connection) -> Iterator[Finding]:
    begun = time.time()
    found = _asked(connection, _CLOCK)
    if not found or found[0] is None:
        yield unknown("clock", "SQL Server doesn't tell its time.")
        return
    ahead = (begun + time.time()) / 2 - int(str(found[0])) / 1000
    if abs(ahead) > CLOCK_SECONDS:
        yield warned(
            "clock",
            f"The clock here is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} SQL Server's: set both by "
            "the same time service. A node whose clock is 5 minutes behind looks dead to the others.",
        )
    else:
        yield passed("clock", f"The clock is SQL Server's to {abs(ahead):.1f} s.")


def _asked(connection: Connection, statement: str) -> tuple[object, ...] | None:
    """Return the first row; None if SQL Server doesn't know what is asked."""
    try:
        found = rows(connection, statement)
    except UnknownError:
        return None
    return tuple(found[0]) if found else None
