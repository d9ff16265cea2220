"""A node's word that the schema is of its version.

Octopus notes its version when its server first runs, so for a while after an upgrade the database still tells the
old one. Until prepare ends, a shared lock with the version in its name tells it to the nodes that wait for the
guard's lock: each would run an upgrade that finds nothing to do. Nothing depends on it: where SQL Server can't be
asked, nobody gave it.
"""

import pyodbc

from entrypoint.sqlserver.connect import ConnectError, Connection, connect
from entrypoint.sqlserver.wait import Ready

from . import schema_lock


HEARD_SECONDS = 2.0
_TEST = "SELECT APPLOCK_TEST('public', ?, 'Exclusive', 'Session')"  # 0: somebody has it


class UpgradeNotice:
    """The word of a node whose server is of `version`; `given` says whether another node gave it."""

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
        """Be ready to ask: whoever gives the word may end soon after the guard's lock is ours."""
        if self._connection is None:
            try:
                self._connection = connect(self._where, database=self._database)
            except ConnectError:
                pass  # not given

    def check_posted(self) -> None:
        """Find out whether it is given, under the guard's lock; then it is ours as well."""
        if self._connection is not None and not self._posted:
            try:
                self.is_posted = self._connection.execute(_TEST, self._resource).fetchval() == 0
            except pyodbc.Error:
                self.is_posted = False
            if self.is_posted:
                self.post()

    def post(self) -> None:
        """Say that the schema is of this version, under the guard's lock; it is good until `close`."""
        if self._connection is not None:
            try:
                self._posted = schema_lock.get_lock(self._connection, self._resource, 0.0, schema_lock.SHARED)
            except pyodbc.Error:
                pass  # the others can help themselves

    def let_others_read(self) -> None:
        """Let those who wait for the guard's lock have it, and ask: they are served in the order they came.

        In shared mode, because nobody is to wait for us.
        """
        if self._connection is not None and self._posted and not self.is_posted:
            try:
                schema_lock.get_lock(self._connection, self._lock, HEARD_SECONDS, schema_lock.SHARED)
            except pyodbc.Error:
                pass  # as above

    def close(self) -> None:
        """Say nothing any more."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
