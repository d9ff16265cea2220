"""A node's word that the schema is of its version.

Octopus notes its version when its server first runs, so for a while after an upgrade the database still tells the
old one. Until prepare ends, a shared lock with the version in its name tells it to the nodes that wait for the
guard's lock: each would run an upgrade that finds nothing to do.
"""

import contextlib

import pyodbc

from entrypoint.sqlserver.connect import connect
from entrypoint.sqlserver.wait import Ready

from . import guard


HEARD_SECONDS = 2.0


class Word:
    """The word of a node whose server is of `version`; `given` says whether another node gave it.

    Methods raise ConnectError or pyodbc.Error if SQL Server is lost.
    """

    def __init__(self, ready: Ready, version: str) -> None:
        self.given = False
        self._where = ready.connection_string
        self._database, self._lock = guard.in_master(self._where) if ready.master_ok else guard.in_database(self._where)
        self._resource = f"{self._lock}:{version}"
        self._asking: pyodbc.Connection | None = None
        self._giving: pyodbc.Connection | None = None

    def listen(self) -> None:
        """Be ready to ask: whoever gives the word may end soon after the guard's lock is ours."""
        if self._asking is None:
            self._asking = connect(self._where, database=self._database)

    def ask(self) -> None:
        """Find out whether it is given, under the guard's lock."""
        if self._asking is not None:
            self.given = not guard.get(self._asking, self._resource, 0.0)
            self._asking.close()
            self._asking = None

    def give(self) -> None:
        """Say that the schema is of this version, under the guard's lock; it is good until `close`."""
        if self._giving is None:
            self._giving = connect(self._where, database=self._database)
            guard.get(self._giving, self._resource, 0.0, mode="Shared")

    def let_hear(self) -> None:
        """Let those who wait for the guard's lock have it, and ask: they are served in the order they came."""
        if self._giving is not None and not self.given:
            with contextlib.suppress(pyodbc.Error):  # this node is done: the others can help themselves
                guard.get(self._giving, self._lock, HEARD_SECONDS)

    def close(self) -> None:
        """Say nothing any more."""
        for connection in (self._asking, self._giving):
            if connection is not None:
                connection.close()
        self._asking = self._giving = None
