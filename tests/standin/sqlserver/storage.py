"""A session's SQLite connection: the databases attached to it, its tables, its transaction."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from typing import Any

from . import errors, scalars, sqltypes
from .errors import SqlError
from .locks import DEADLOCK, TIMEOUT
from .scope import Column, quote


TYPE_CHECKING = False
if TYPE_CHECKING:
    from .databases import Database
    from .session import Session

Bindings = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """A table: the words that SQLite knows it by, and its columns."""

    name: str
    database: Database | None
    columns: list[Column]

    @property
    def alias(self) -> str:
        """The SQLite schema that it is in."""
        return self.database.alias if self.database else "temp"

    @property
    def sql(self) -> str:
        """Its full name for SQLite."""
        return f"{quote(self.alias)}.{quote(self.name)}"


class Storage:
    """Runs SQLite's statements for a session."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.failures: list[Exception] = []
        self.temporary: dict[str, Table] = {}
        self._attached: set[str] = set()
        self._connection = sqlite3.connect(
            ":memory:", isolation_level=None, check_same_thread=False, timeout=60, cached_statements=64
        )
        self._connection.executescript("PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;")
        scalars.register(self._connection, self.failures)

    def function(self, name: str, function: Any) -> None:  # noqa: ANN401 - any function of values
        """Let SQLite call a function that knows the session: once a statement, for the same arguments."""
        guarded = scalars.guarded(function, self.failures)
        self._connection.create_function(name, -1, guarded, deterministic=True)

    def attach(self, database: Database) -> None:
        """Make a database's tables known to the connection."""
        if database.alias in self._attached:
            return
        if len(self._attached) >= 9:
            self.detach()
        path = str(self.session.server.databases.path(database))
        self._connection.execute(f"ATTACH ? AS {quote(database.alias)}", (path,))
        if not self._connection.in_transaction:
            self._connection.execute(f"PRAGMA {quote(database.alias)}.synchronous = OFF")
        self._attached.add(database.alias)

    def detach(self) -> None:
        """Let go of databases, unless a transaction is in them."""
        if self._connection.in_transaction:
            return
        for alias in list(self._attached):
            self._connection.execute(f"DETACH {quote(alias)}")
            self._attached.discard(alias)

    @property
    def writing(self) -> bool:
        """Whether there are changes that are not committed."""
        return self._connection.in_transaction

    def read(self, sql: str, bindings: Bindings | tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Run a query."""
        return self._run(sql, bindings).fetchall()

    def write(self, database: Database | None, sql: str, bindings: Bindings | None = None) -> Written:
        """Run a change, alone or in the session's transaction, as the database's only writer."""
        if database is not None:
            self.attach(database)
            self.begin(database)
        try:
            cursor = self._run(sql, bindings or {})
            rows = cursor.fetchall()
            return Written(len(rows) or max(cursor.rowcount, 0), cursor.lastrowid, rows)
        except BaseException:
            if not self.session.transaction.depth:
                self.end("ROLLBACK")
            raise

    def begin(self, database: Database) -> None:
        """Become the database's writer, until the transaction ends."""
        session = self.session
        key = ("write", str(database.database_id), "")
        if session.server.locks.mode(session, key, "Transaction") == "NoLock":
            timeout = session.options.lock_timeout
            seconds = None if timeout < 0 else timeout / 1000
            result = session.server.locks.acquire(session, key, "Exclusive", seconds, "Transaction")
            if result == TIMEOUT:
                raise errors.LOCK_TIMEOUT
            if result == DEADLOCK:
                raise errors.deadlock(session.spid)
        if not self._connection.in_transaction:
            self._connection.execute("BEGIN")

    def end(self, how: str) -> None:
        """Commit or roll back."""
        if self._connection.in_transaction:
            self._connection.execute(how)
        self.session.server.locks.release_all(self.session, "Transaction")

    def close(self) -> None:
        """Roll back and let go of everything."""
        self._connection.close()

    def interrupt(self) -> None:
        """Stop a statement that another thread runs."""
        self._connection.interrupt()

    def _run(self, sql: str, bindings: Bindings | tuple[Any, ...]) -> sqlite3.Cursor:
        self.failures.clear()
        try:
            return self._connection.execute(sql, bindings)
        except sqlite3.Error as error:
            if self.failures:
                raise self.failures[-1] from error
            raise self._translated(error, sql) from error

    def _translated(self, error: sqlite3.Error, sql: str) -> SqlError:
        text = str(error)
        if match := re.search(r"no such column: (\S+)", text):
            return errors.invalid_column(match[1].rpartition(".")[2])
        if match := re.search(r"no such table: (\S+)", text):
            return errors.invalid_object(match[1].rpartition(".")[2])
        if match := re.search(r"NOT NULL constraint failed: (\S+)\.(.+)", text):
            table = f"{self.session.database.name}.dbo.{match[1]}"
            words = f"Cannot insert the value NULL into column '{match[2]}', table '{table}'; column does not allow "
            return SqlError(515, words + "nulls. INSERT fails.", state=2)
        if match := re.search(r"UNIQUE constraint failed: (.+)", text):
            return self._duplicate(match[1])
        if "constraint failed" in text:
            verb = sql.split(" ", 1)[0]
            kind = "FOREIGN KEY" if "FOREIGN" in text else "CHECK"
            return SqlError(547, f"The {verb} statement conflicted with the {kind} constraint.", state=0)
        return SqlError(8180, f"The stand-in cannot run this statement: {text}", aborts=True)

    def _duplicate(self, columns: str) -> SqlError:
        """Error 2627 or 2601, whichever kind of uniqueness it was."""
        pairs = [part.strip().rpartition(".") for part in columns.split(",")]
        table, names = pairs[0][0], ",".join(pair[2].lower() for pair in pairs)
        for _, name, kind, parent, listed in self.session.objects_with_columns():
            if parent.lower() != table.lower() or (listed or "").lower() != names:
                continue
            if kind == "IX":
                words = f"Cannot insert duplicate key row in object 'dbo.{table}' with unique index '{name}'."
                return SqlError(2601, words, level=14)
            words = "PRIMARY KEY" if kind == "PK" else "UNIQUE KEY"
            text = f"Violation of {words} constraint '{name}'. Cannot insert duplicate key in object 'dbo.{table}'."
            return SqlError(2627, text, level=14)
        return SqlError(2627, f"Cannot insert duplicate key in object 'dbo.{table}'.", level=14)


@dataclass(frozen=True)
class Written:
    """What a change did."""

    count: int
    identity: int | None
    rows: list[tuple[Any, ...]]


def inner_name(parts: list[str]) -> str:
    """The name by which a table is kept: that of one in another schema than `dbo` begins with the schema's."""
    schema = parts[-2].lower() if len(parts) > 1 else ""
    return parts[-1] if schema in ("", "dbo") else f"{schema}.{parts[-1]}"


def column_of(row: tuple[Any, ...]) -> Column:
    """A column as `__columns` describes it."""
    _, _, name, spelled, nullable, identity, default = row
    return Column(name, sqltypes.parse(spelled), bool(nullable), bool(identity), default)
