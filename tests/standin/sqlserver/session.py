"""A client's session: who it is, what it has set, its database and its transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import asking, errors, tokens
from .channel import Channel, Waker
from .storage import Storage, Table, column_of, inner_name


TYPE_CHECKING = False
if TYPE_CHECKING:
    from .databases import Database
    from .errors import SqlError
    from .login import Login
    from .server import Server


@dataclass
class Options:
    """What SET changes."""

    lock_timeout: int = -1
    no_count: bool = False
    abort_on_error: bool = False
    implicit_transactions: bool = False


@dataclass
class Transaction:
    """How deep the session is in a transaction, and that transaction's number."""

    depth: int = 0
    number: int = 0

    @property
    def descriptor(self) -> bytes:
        """The number as an ENVCHANGE has it."""
        return b"\x08" + self.number.to_bytes(8, "little")


class Session:
    """One session; the databases it may open depend on its login."""

    def __init__(self, server: Server, channel: Channel, login: Login, spid: int) -> None:
        self.server = server
        self.channel = channel
        self.login = login
        self.spid = spid
        self.database = self.open(login.database or server.default_database(login.user))
        self.first_database = self.database
        self.waker = Waker()
        self.storage = Storage(self)
        self.prepared: dict[int, tuple[str, str]] = {}
        self._start()
        for name, function in asking.functions(self).items():
            self.storage.function(name, function)

    def _start(self) -> None:
        self.options = Options()
        self.transaction = Transaction()
        self.row_count = 0
        self.last_error = 0
        self.identity: int | None = None
        self.caught: SqlError | None = None

    @property
    def user(self) -> str:
        """The login's name."""
        return self.login.user

    def pause(self, seconds: float | None) -> None:
        """Wait until woken, or raise what the client does meanwhile."""
        self.channel.pause(seconds, self.waker)

    def wake(self) -> None:
        """End the pause."""
        self.waker.wake()

    def reset(self) -> None:
        """Become as new, for the next user of a pooled connection."""
        self.end_transaction("ROLLBACK")
        self.server.locks.release_all(self)
        self._start()
        self.storage.temporary.clear()
        self.database = self.first_database

    def close(self) -> None:
        """Roll back, and give back every lock."""
        self.storage.close()
        self.server.locks.release_all(self)
        self.waker.close()

    def may_open(self, database: Database) -> bool:
        """Whether the login has access to a database."""
        return database.name.lower() != "master" or not self.server.logins[self.user.lower()].no_master

    def open(self, name: str) -> Database:
        """A database by its name, if it is there, usable and allowed."""
        database = self.server.databases.open(name)
        if not self.may_open(database):
            raise errors.no_access(self.user, database.name)
        return database

    def use(self, name: str, reply: tokens.Reply) -> None:
        """Change the database."""
        database = self.open(name)
        old, self.database = self.database, database
        self.storage.detach()
        announce(reply, database.name, old.name)

    def table(self, parts: list[str]) -> Table | None:
        """A table by its name, which may begin with a database."""
        name = parts[-1]
        if name[:1] in "#@":
            return self.storage.temporary.get(name.lower())
        database = self.open(parts[-3]) if len(parts) > 2 and parts[-3] else self.database
        name = inner_name(parts)
        self.storage.attach(database)
        query = f"SELECT * FROM `{database.alias}`.__columns WHERE table_name = ? ORDER BY column_id"  # noqa: S608
        rows = self.storage.read(query, (name,))
        return Table(rows[0][0], database, [column_of(row) for row in rows]) if rows else None

    def objects(self, database: Database) -> list[tuple[Any, ...]]:
        """Number, name, type, table and birth of a database's objects."""
        self.storage.attach(database)
        columns = "object_id, name, type, parent, create_date"
        return self.storage.read(f"SELECT {columns} FROM `{database.alias}`.__objects")  # noqa: S608 - names of ours

    def objects_with_columns(self) -> list[tuple[Any, ...]]:
        """As `objects`, with the columns of keys and indexes."""
        columns = "object_id, name, type, parent, columns"
        return self.storage.read(f"SELECT {columns} FROM `{self.database.alias}`.__objects WHERE parent <> ''")  # noqa: S608

    def all_columns(self, database: Database) -> list[tuple[Any, ...]]:
        """The rows of `__columns`."""
        self.storage.attach(database)
        return self.storage.read(f"SELECT * FROM `{database.alias}`.__columns ORDER BY table_name, column_id")  # noqa: S608

    def begin_transaction(self, reply: tokens.Reply | None = None) -> None:
        """Begin a transaction, or go one deeper into it."""
        self.transaction.depth += 1
        if self.transaction.depth == 1:
            self.transaction.number = self.server.next_number()
            if reply:
                reply.environment(tokens.BEGIN, self.transaction.descriptor, b"\x00")

    def end_transaction(self, how: str, reply: tokens.Reply | None = None) -> None:
        """Commit one level, or roll back all of them."""
        if how == "COMMIT" and self.transaction.depth > 1:
            self.transaction.depth -= 1
            return
        if self.transaction.depth and reply:
            kind = tokens.COMMIT if how == "COMMIT" else tokens.ROLLBACK
            reply.environment(kind, b"\x00", self.transaction.descriptor)
        self.transaction.depth = 0
        self.storage.end(how)

    def statement_ends(self) -> None:
        """Commit what a statement outside a transaction has changed."""
        if not self.transaction.depth and self.storage.writing:
            self.storage.end("COMMIT")


def announce(reply: tokens.Reply, new: str, old: str) -> None:
    """Tell the client about its database."""
    reply.environment(tokens.DATABASE, tokens.short_text(new), tokens.short_text(old))
    reply.info(5701, f"Changed database context to '{new}'.", state=2)
