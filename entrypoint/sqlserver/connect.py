"""One connection to SQL Server."""

import re

import pyodbc

from . import odbc
from .connection_string import ConnectionString
from .verdicts import Verdict, classify


# Locks live as long as their session: a connection that a pool keeps open would keep them too.
pyodbc.pooling = False

_ORIGIN = re.compile(r"\A(?:\[[^\]]*\]\s*)+")
_TAIL = re.compile(r"\s*\(-?\d+\)(?: \(SQL\w+\))?")
_LONGEST = 300  # characters of a driver's text


QUERY_SECONDS = 15  # for an answer; 0: for ever
LOCK_MILLISECONDS = 5000  # for a table that somebody has locked: then error 1222


class ConnectError(Exception):
    """No connection: `verdict` says what that means, `text` is what the driver said, without the password."""

    def __init__(self, verdict: Verdict, text: str) -> None:
        super().__init__(f"{verdict.reason}: {text}")
        self.verdict = verdict
        self.text = text


def connect(
    connection_string: ConnectionString,
    *,
    database: str | None = None,
    login_timeout: int | None = None,
    query_timeout: int = QUERY_SECONDS,
) -> pyodbc.Connection:
    """Return a new connection in autocommit mode, to `database` if it is given in place of the string's own.

    `login_timeout` is in whole seconds, the string's `Connect Timeout` by default; `query_timeout` too, 0 for
    none. Raise ConnectError if there is no connection, NodeError (SETTINGS) if there can't ever be one.
    """
    driver = odbc.installed_driver()
    translation = odbc.translate(connection_string, driver, database)
    seconds = connection_string.connect_timeout if login_timeout is None else login_timeout
    try:
        connection = pyodbc.connect(translation.text, autocommit=True, timeout=seconds)
        connection.timeout = query_timeout
        # a migration locks tables, the catalogue's included, for as long as it takes: we don't queue up behind it
        connection.execute(f"SET LOCK_TIMEOUT {LOCK_MILLISECONDS}")
    except pyodbc.Error as error:
        # `from None`: a driver may quote the connection string
        raise ConnectError(classify(error), describe(error, connection_string.password)) from None
    return connection


def describe(error: Exception, password: str) -> str:
    """Return the first thing that the driver said, on one line, without numbers and the password."""
    text = str(error.args[-1] if error.args else error)
    if password:
        for form in (odbc.escape(password)[1:-1], password):
            text = text.replace(form, "***")
    first = _TAIL.split(_ORIGIN.sub("", text), maxsplit=1)[0]
    return " ".join(first.split())[:_LONGEST]
