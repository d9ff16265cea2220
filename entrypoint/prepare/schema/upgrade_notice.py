"""A node's notice that the schema is at its version.

Octopus notes its version only when its server first runs, so for a while after an upgrade the database still shows the
old one. Until prepare ends, a shared lock with the version in its name tells the nodes that wait for the schema's lock:
without it each would run an upgrade that finds nothing to do. Nothing depends on it: where SQL Server can't be asked,
there is no notice.
"""

import pyodbc

from entrypoint.sqlserver.connect import ConnectError, Connection, connect
from entrypoint.sqlserver.wait import Ready

from . import schema_lock


HEARD_SECONDS = 2.0
_TEST = "SELECT APPLOCK_TEST('public', ?, 'Exclusive', 'Session')"  # 0: somebody has it


class UpgradeNotice:
    """The notice for servers of `version`; `is_posted` says whether another node has posted it."""

    def __init__(self, ready: Ready, version: str) -> None:
        self.is_posted = False
        self._where = ready.connection_string
        self._database, self._lock = (
            schema_lock.master_resource(self._where) if ready.master_ok else schema_lock.database_resource(self._where)
        )
        self._resource = f"{self._lock}:{version}"
        self._connection: Connection | None = None
        self._posted = False

    def connect_early(self) -> None:
        """Connect before the lock is held: the node that posted the notice may end soon after it gave the lock up."""
        if self._connection is None:
            try:
                self._connection = connect(self._where, database=self._database)
            except ConnectError:
                pass  # then there is no notice

    def check_posted(self) -> None:
        """Find out whether it is posted, while the lock is held; if so, post it as well."""
        if self._connection is not None and not self._posted:
            try:
                self.is_posted = self._connection.execute(_TEST, self._resource).fetchval() == 0
            except pyodbc.Error:
                self.is_posted = False
            if self.is_posted:
                self.post()

    def post(self) -> None:
        """Post that the schema is at this version, while the lock is held; it stands until `close`."""
        if self._connection is not None:
            try:
                self._posted = schema_lock.get_lock(self._connection, self._resource, 0.0, schema_lock.SHARED)
            except pyodbc.Error:
                pass  # the others can help themselves

    def let_others_read(self) -> None:
        """Let the nodes that wait for the lock have it and read the notice: they are served in the order they came.

        In shared mode, because nobody is to wait for us.
        """
        if self._connection is not None and self._posted and not self.is_posted:
            try:
                schema_lock.get_lock(self._connection, self._lock, HEARD_SECONDS, schema_lock.SHARED)
            except pyodbc.Error:
                pass  # as above

    def close(self) -> None:
        """Withdraw the notice."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
