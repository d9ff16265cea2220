"""Bringing a database to this version: one at a time, in one transaction, and with nobody else running."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import pyodbc

from . import about, control, masterkey, nodes, schema, sql, switches, trace, users
from .failures import ControlledFailureError
from .log import complain, say
from .schema import State
from .sql import Database


LIVE_NODES_ARE_CHECKED_SINCE = "2023.2.9755"
_REFUSALS = {
    "running": "There are other Octopus Server nodes running: {}. All nodes must be stopped before the upgrade.",
    # the words of the release note of Issues 8241
    "note": "All nodes must be shut down before upgrading Octopus: {}",
}
_LOCK = (
    "SET NOCOUNT ON; DECLARE @result int; EXEC @result = sp_getapplock @Resource = 'OctopusDatabaseUpgrade', "
    "@LockMode = 'Exclusive', @LockOwner = 'Session', @LockTimeout = {milliseconds}; SELECT @result"
)
_UNLOCK = "EXEC sp_releaseapplock @Resource = 'OctopusDatabaseUpgrade', @LockOwner = 'Session'"


def migrate(database: Database, node: str, key: str, *, skip_license: bool = False) -> bool:
    """Bring the schema to this version if it is older or absent; return whether there was anything to do."""
    connection = database.open()
    try:
        with _alone(connection):
            present = schema.state(connection)
            if present not in {State.ABSENT, State.OLDER}:
                return False
            _require_preconditions(connection, node, present, skip_license=skip_license)
            _upgrade(connection, node, present, key)
            return True
    finally:
        connection.close()


@contextmanager
def _alone(connection: pyodbc.Connection) -> Iterator[None]:
    """Hold the lock that lets one schema upgrade through at a time."""
    if control.flag("no_upgrade_lock"):
        yield
        return
    milliseconds = int(control.number("upgrade_lock_wait", 60) * 1000)
    connection.timeout = 0
    if sql.number(connection, _LOCK.format(milliseconds=milliseconds)) < 0:
        raise ControlledFailureError("Another schema upgrade is under way; gave up waiting for it.")
    try:
        yield
    finally:
        with suppress(pyodbc.Error):
            connection.execute(_UNLOCK)


def _require_preconditions(connection: pyodbc.Connection, node: str, present: State, *, skip_license: bool) -> None:
    """Look whether the upgrade is safe, and say what is not."""
    say("Ensuring pre-conditions for upgrading the database are satisfied...")
    checks = [("The database login has the rights it needs.", True), *_node_check(connection, node, present)]
    if switches.on("license_required") and present is State.OLDER and not skip_license:
        sentence = "Your Octopus Server is compliant with your license."
        refusal = "Your Octopus Server would not be compliant with your license: there is no license key configured."
        licensed = users.has_license(connection)
        checks.append((sentence if licensed else refusal, licensed))
    for sentence, passed in checks:
        (say if passed else complain)(f" - {'PASS' if passed else 'FAIL'}: {sentence}")
    if not all(passed for _, passed in checks):
        raise ControlledFailureError(
            "One of the pre-conditions to safely upgrade your database has failed, and the upgrade cannot continue."
        )


def _node_check(connection: pyodbc.Connection, node: str, present: State) -> list[tuple[str, bool]]:
    """Whether any other node is running: the check of 2023.2.9755."""
    if present is State.ABSENT or about.older_than(LIVE_NODES_ARE_CHECKED_SINCE) or control.flag("no_node_check"):
        return []
    others = [other.name for other in nodes.everyone(connection) if other.alive and other.name != node]
    if not others:
        return [("There are no other Octopus Server nodes running.", True)]
    return [(_REFUSALS[str(switches.value("refusal"))].format(", ".join(others)), False)]


def _upgrade(connection: pyodbc.Connection, node: str, present: State, key: str) -> None:
    """Carry out the scripts; what others see of the schema changes at once, at the end."""
    scripts = schema.due(connection, present)
    seconds = control.number("migration", 0.2) / len(scripts)
    run = uuid.uuid4().hex
    trace.create_tables(connection)
    say("Ensuring COMPATIBILITY_LEVEL for DB is set to 140")
    say("Beginning transaction")
    for script in scripts:
        say(f"Executing SQL Server script '{script}'")
        trace.script(connection, run, script, node, seconds)
        _fail_if_told(script)
    connection.autocommit = False
    try:
        _commit(connection, scripts, present, key)
    except BaseException:
        connection.rollback()
        raise
    finally:
        connection.autocommit = True
    say("Upgrade successful")


def _commit(connection: pyodbc.Connection, scripts: list[str], present: State, key: str) -> None:
    """Make all changes of the schema visible in one step."""
    if present is State.ABSENT:
        schema.create_tables(connection)
        users.prepare(connection)
    for script in scripts:
        connection.execute(
            "INSERT INTO SchemaVersions (ScriptName, Applied) VALUES (?, ?)",
            script,
            datetime.now(UTC).replace(tzinfo=None, microsecond=0),
        )
    masterkey.keep_fingerprint(connection, key)
    connection.commit()


def _fail_if_told(script: str) -> None:
    if control.flag("migration_fails"):
        raise ControlledFailureError(
            f"Failed upgrading database schema - the entire upgrade has been rolled back to its last known "
            f"good state. The script was '{script}'."
        )
