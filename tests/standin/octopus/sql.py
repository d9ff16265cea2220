"""SQL Server: from an ADO.NET connection string to rows."""

import queue
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pyodbc

from . import control


pyodbc.pooling = False

LOGIN_TIMEOUT = 5
QUERY_TIMEOUT = 30
_PAIR = re.compile(r"""\s*([^=;]+?)\s*=\s*("(?:[^"]|"")*"|'(?:[^']|'')*'|[^;]*)\s*(?:;|$)""")
_SYNONYMS = {
    "data source": "server",
    "address": "server",
    "addr": "server",
    "network address": "server",
    "initial catalog": "database",
    "user id": "uid",
    "user": "uid",
    "password": "pwd",
    "trust server certificate": "trustservercertificate",
}


class Database:
    """The database a connection string names, with the idle connections to it."""

    def __init__(self, connection_string: str) -> None:
        self._words = _words(connection_string)
        self._idle: queue.SimpleQueue[pyodbc.Connection] = queue.SimpleQueue()

    @property
    def name(self) -> str:
        """The database's name."""
        return self._words.get("database", "Octopus")

    @property
    def server(self) -> str:
        """The server as the connection string has it."""
        return self._words.get("server", "")

    def open(self, database: str = "") -> pyodbc.Connection:
        """Open a connection of its own, each statement its own transaction."""
        words = self._words | {"database": database or self.name}
        connection = pyodbc.connect(_odbc(words), autocommit=True, timeout=LOGIN_TIMEOUT)
        connection.timeout = QUERY_TIMEOUT
        return connection

    @contextmanager
    def connection(self) -> Iterator[pyodbc.Connection]:
        """Lend an idle connection or a new one; one that failed isn't used again."""
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            connection = self.open()
        try:
            yield connection
        except BaseException:
            with suppress(pyodbc.Error):
                connection.close()
            raise
        self._idle.put(connection)

    def exists(self) -> bool:
        """Whether the database is there; `master` is only asked when it can't be opened."""
        try:
            self.open().close()
        except pyodbc.Error:
            with self._master() as master:
                if master is None:
                    raise
                known = number(master, "SELECT COUNT(*) FROM sys.databases WHERE name = ?", self.name)
            if known:
                # Another node may have created it since: a second failure is the real one.
                self.open().close()
            return known > 0
        return True

    def create(self) -> None:
        """Create the database; somebody else may be doing the same."""
        master = self.open("master")
        try:
            master.execute(f"CREATE DATABASE [{self.name}]")
        except pyodbc.Error:
            if not number(master, "SELECT COUNT(*) FROM sys.databases WHERE name = ?", self.name):
                raise
        finally:
            master.close()

    def drop(self) -> None:
        """Delete the database."""
        master = self.open("master")
        master.execute(f"DROP DATABASE [{self.name}]")
        master.close()

    @contextmanager
    def _master(self) -> Iterator[pyodbc.Connection | None]:
        try:
            master = self.open("master")
        except pyodbc.Error:
            yield None
            return
        try:
            yield master
        finally:
            master.close()


def rows(connection: pyodbc.Connection, statement: str, *values: object) -> list[pyodbc.Row]:
    """All rows of a query."""
    cursor = connection.execute(statement, *values)
    try:
        return list(cursor.fetchall())
    finally:
        cursor.close()


def number(connection: pyodbc.Connection, statement: str, *values: object) -> int:
    """The number a query finds; 0 for NULL and for no row."""
    found = rows(connection, statement, *values)
    return int(found[0][0] or 0) if found else 0


def text(connection: pyodbc.Connection, statement: str, *values: object) -> str | None:
    """The text a query finds, or nothing."""
    found = rows(connection, statement, *values)
    return None if not found or found[0][0] is None else str(found[0][0])


def change(connection: pyodbc.Connection, statement: str, *values: object) -> int:
    """Carry out a statement and count the rows it changed."""
    cursor = connection.execute(statement, *values)
    try:
        return int(cursor.rowcount)
    finally:
        cursor.close()


def has_table(connection: pyodbc.Connection, table: str) -> bool:
    """Whether there is such a table."""
    return number(connection, "SELECT COUNT(*) FROM sys.tables WHERE name = ?", table) > 0


def has_column(connection: pyodbc.Connection, table: str, column: str) -> bool:
    """Whether there is such a column."""
    statement = "SELECT COUNT(*) FROM sys.columns WHERE object_id = OBJECT_ID(?) AND name = ?"
    return number(connection, statement, table, column) > 0


def _words(connection_string: str) -> dict[str, str]:
    """The keywords of an ADO.NET connection string under one name each."""
    found = {}
    for key, value in _PAIR.findall(connection_string):
        name = _SYNONYMS.get(key.lower(), key.lower())
        quote = value[:1]
        plain = value[1:-1].replace(quote * 2, quote) if quote in {'"', "'"} else value
        found[name] = plain
    return found


def _odbc(words: dict[str, str]) -> str:
    """The ODBC connection string for the driver the environment names."""
    driver = control.environment("DRIVER", "FreeTDS")
    host, _, port = words.get("server", "").removeprefix("tcp:").partition(",")
    encrypt = words.get("encrypt", "true").lower()
    wanted = {
        "DRIVER": driver,
        "DATABASE": words["database"],
        "UID": words.get("uid"),
        "PWD": words.get("pwd"),
    }
    if driver == "FreeTDS" or "tdsodbc" in driver:
        off = encrypt in {"false", "no", "optional"}
        wanted |= {"TDS_Version": "7.4", "ClientCharset": "UTF-8"}
        # a named instance's port is asked of the SQL Server Browser, as SqlClient does, unless a port is given
        is_named = "\\" in host and not port
        wanted |= {"SERVER": host} if is_named else {"SERVER": host.partition("\\")[0], "PORT": port or "1433"}
        wanted |= {"Encryption": "off" if off else "require"}
    else:
        wanted |= {"SERVER": f"tcp:{host}" if "\\" in host and not port else f"tcp:{host},{port or '1433'}"}
        wanted |= {"Encrypt": _yes_or_no(encrypt)}
        wanted |= {"TrustServerCertificate": _yes_or_no(words.get("trustservercertificate", "false"))}
    return ";".join(f"{key}={_braced(value)}" for key, value in wanted.items() if value is not None)


def _yes_or_no(value: str) -> str:
    return {"true": "yes", "false": "no", "mandatory": "yes", "optional": "no"}.get(value.lower(), value)


def _braced(value: str) -> str:
    """A value that ODBC takes as it is."""
    return value if re.fullmatch(r"[\w.:,/-]+", value) else "{" + value.replace("}", "}}") + "}"
