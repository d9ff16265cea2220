"""The locks that keep nodes from writing to a schema that another node is changing.

They are SQL Server's application locks of a session: gone the moment their session is, however it ends. Who changes the
schema, or makes the administrator, holds them in exclusive mode; who writes settings, as many nodes may at once, in
shared mode. `master`'s lock comes first, always, so that two nodes never wait for each other.
"""

import time
from collections.abc import Callable

import pyodbc

from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode
from entrypoint.octopus import queries
from entrypoint.sqlserver.connect import ConnectError, Connection, connect, describe
from entrypoint.sqlserver.connection_string import ConnectionString
from entrypoint.sqlserver.error_classes import classify
from entrypoint.structured_log import Logger


RESOURCE = "octo-node:schema"
SLICE_SECONDS = 5.0  # of one wait for a lock; then we say that we still wait
TELL_SECONDS = 15.0
QUERY_SECONDS = 5  # for the look whether a lock is still held
_GET = """
SET NOCOUNT ON;
DECLARE @result int;
EXEC @result = sp_getapplock @Resource = ?, @LockMode = ?, @LockOwner = 'Session', @LockTimeout = ?;
SELECT @result;
"""
Doing = Callable[[str, float], None]  # what is waited for, and since when (monotonic)
EXCLUSIVE, SHARED = "Exclusive", "Shared"  # as SQL Server calls them
_MODE = "SELECT APPLOCK_MODE('public', ?, 'Session')"
_COULD_SHARE = "SELECT APPLOCK_TEST('public', ?, 'Shared', 'Session')"
# what a node waits for, by whether the lock can be had in shared mode
_CAUSES = ("another node to finish upgrading the schema", "other nodes to finish writing their settings")
# the hosts of those who have it: the containers of nodes. Who may not look (VIEW SERVER STATE, in Azure VIEW DATABASE
# STATE) waits without names. The description has the resource's first 32 characters, in brackets:
# learn.microsoft.com, sys.dm_tran_locks
_HOLDERS = """
SELECT DISTINCT s.host_name FROM sys.dm_tran_locks AS l
JOIN sys.dm_exec_sessions AS s ON s.session_id = l.request_session_id
WHERE l.resource_type = 'APPLICATION' AND l.request_status = 'GRANT' AND l.resource_database_id = DB_ID()
AND CHARINDEX(?, l.resource_description) > 0
"""
_DESCRIBED = 32
_MOST_HOLDERS = 5  # that are named
_TIMED_OUT = -1


class LostError(NodeError):
    """SQL Server was lost while nothing was being changed: start over once it is back."""

    def __init__(self, reason: str) -> None:
        super().__init__(ExitCode.SQL_NOT_READY, f"The connection to SQL Server was lost: {reason}.")


def failed(error: ConnectError | pyodbc.Error, password: str) -> NodeError:
    """Return the error for a failed query: SQL Server was lost, or it answered with an error.

    Whether a connection that can't be made can ever be made is for whoever waits for SQL Server to find out.
    """
    said = describe(error, password)
    if isinstance(error, ConnectError) or (verdict := classify(error)).is_passing:
        return LostError(said)
    number = f" {verdict.number}" if verdict.number else ""
    return NodeError(
        ExitCode.SQL_NOT_READY,
        f"SQL Server answered with an error that waiting won't resolve{number}: {said}. Nothing was changed after it; "
        "the next start continues where this one ended.",
    )


def master_resource(where: ConnectionString) -> tuple[str, str]:
    """Return where the first lock is, and its name: it is there before the Octopus database, `where`, is."""
    return "master", f"{RESOURCE}:{where.database.lower()}"


def database_resource(where: ConnectionString) -> tuple[str, str]:
    """Return where the second lock is, and its name: for logins that may not use `master`, it is the only one."""
    return where.database, RESOURCE


class SchemaLock:
    """The locks of one node, in one mode. `where` is the Octopus database."""

    def __init__(self, where: ConnectionString, log: Logger, mode: str = EXCLUSIVE) -> None:
        self._where = where
        self._log = log
        self._mode = mode
        self._held: list[tuple[Connection, str]] = []
        self._since: float | None = None

    def acquire_master(self, deadline: float, doing: Doing) -> None:
        """Take the lock in `master`, as `acquire` does. It is always the first."""
        self._acquire(*master_resource(self._where), deadline, doing)

    def acquire(self, deadline: float, doing: Doing) -> None:
        """Take the lock in the Octopus database; `doing` is told if that takes a while.

        Raise NodeError (15) if another node has it until `deadline` (monotonic), LostError if SQL Server goes away,
        NodeError (12) if it answers with an error.
        """
        self._acquire(*database_resource(self._where), deadline, doing)

    def release(self) -> None:
        """Give the locks back, those that were got."""
        for connection, _ in reversed(self._held):
            connection.close()
        self._held.clear()
        if self._since is not None:
            seconds = round(time.monotonic() - self._since, 3)
            self._log.info("The schema's lock is released.", mode=self._mode.lower(), seconds=seconds)
            self._since = None

    def _acquire(self, database: str, resource: str, deadline: float, doing: Doing) -> None:
        begun = time.monotonic()
        told = -TELL_SECONDS
        patience = 0.0  # the first question is whether anybody has it
        try:
            connection = connect(self._where, database=database)
            self._held.append((connection, resource))
            connection.timeout = int(SLICE_SECONDS) + QUERY_SECONDS
            while not get_lock(connection, resource, patience, self._mode):
                now = time.monotonic()
                cause = _cause(connection, resource)
                if now >= deadline:
                    raise _too_late(cause, now - begun)
                if now - told >= TELL_SECONDS:
                    told = now
                    doing(f"waiting for {cause}", begun)
                    self._log.info(f"Waiting for {cause}.", seconds=round(now - begun))
                patience = min(SLICE_SECONDS, deadline - now)
            self._since = self._since or time.monotonic()
        except (ConnectError, pyodbc.Error) as error:
            raise failed(error, self._where.password) from error

    def check(self) -> None:
        """See that the locks are still held, which also keeps idle connections from being cut.

        Raise NodeError (12) if one was lost.
        """
        for connection, resource in self._held:
            try:
                connection.timeout = QUERY_SECONDS
                mode = connection.execute(_MODE, resource).fetchval()
            except pyodbc.Error as error:
                raise _lost(self._mode, describe(error, self._where.password)) from error
            if mode != self._mode:
                raise _lost(self._mode, f"the lock is in mode {mode}")


def _cause(connection: Connection, resource: str) -> str:
    """Return what is waited for, with the names of those who have the lock, as far as SQL Server tells."""
    cause = _CAUSES[int(connection.execute(_COULD_SHARE, resource).fetchval() == 1)]
    described = f"[{resource}]" if len(resource) < _DESCRIBED else f"[{resource[:_DESCRIBED]}"
    try:
        holders = sorted(str(host).strip() for (host,) in queries.rows(connection, _HOLDERS, described) if host)
    except queries.UnknownError:
        return cause
    return f"{cause} ({', '.join(holders[:_MOST_HOLDERS])})" if holders else cause


def get_lock(connection: Connection, resource: str, seconds: float, mode: str) -> bool:
    """Return whether the lock was granted within `seconds`. Raise pyodbc.Error if it can't be asked for."""
    result = connection.execute(_GET, resource, mode, int(seconds * 1000)).fetchval()
    if result < _TIMED_OUT:
        raise pyodbc.Error("HY000", f"sp_getapplock answered {result}")
    return bool(result >= 0)


def _lost(mode: str, reason: str) -> NodeError:
    if mode == SHARED:
        return NodeError(
            ExitCode.SQL_NOT_READY,
            f"The connection to SQL Server was lost while settings were being written ({reason}): the next start "
            "writes what is missing.",
        )
    return NodeError(
        ExitCode.SQL_NOT_READY,
        f"The connection to SQL Server was lost while the schema was being changed ({reason}), and the command with "
        "it: the schema's own "
        "transaction undoes what wasn't finished, and the next start continues.",
    )


def _too_late(cause: str, seconds: float) -> NodeError:
    return NodeError(
        ExitCode.OTHER_VERSION,
        f"After {seconds:.0f} s this node was still waiting for {cause}: check their logs, or allow more time "
        "with OCTO_NODE_UPGRADE_WAIT.",
    )
