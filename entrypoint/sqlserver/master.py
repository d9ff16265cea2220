"""What `master` knows about the Octopus database that couldn't be opened."""

import pyodbc

from .connect import ConnectError, connect
from .connection_string import ConnectionString
from .verdicts import Kind, Verdict, classify


QUERY_SECONDS = 4
# DB_ID is null for a database that isn't there, and for one that this login may not see.
_QUESTION = """
SELECT DB_ID(?), CAST(DATABASEPROPERTYEX(?, N'Status') AS nvarchar(60)), HAS_DBACCESS(?),
  HAS_PERMS_BY_NAME(NULL, NULL, N'VIEW ANY DATABASE')
"""


def ask_master(connection_string: ConnectionString, refused: ConnectError, login_timeout: int) -> None:
    """Return if `master` says that the Octopus database, which `refused` the login, doesn't exist.

    Raise ConnectError otherwise: NOT_YET with what keeps the database from being opened, or with both reasons
    if `master` can't be asked; `refused` itself if `master` refuses the login too, and nothing but that is
    known. `login_timeout` is in seconds.
    """
    try:
        connection = connect(
            connection_string, database="master", login_timeout=login_timeout, query_timeout=QUERY_SECONDS
        )
    except ConnectError as error:
        if refused.verdict.kind is error.verdict.kind is Kind.LOGIN_FAILED:
            raise refused from None
        raise _neither(refused, error.verdict.reason) from None
    try:
        row = connection.execute(_QUESTION, *[connection_string.database] * 3).fetchone()
    except pyodbc.Error as error:
        raise _neither(refused, classify(error).reason) from None
    finally:
        connection.close()
    if row is not None and (reason := _why_closed(*row)):
        raise ConnectError(Verdict(Kind.NOT_YET, reason), refused.text)


def may_use_master(connection_string: ConnectionString, login_timeout: int) -> bool:
    """Return whether this login may connect to `master`; `login_timeout` is in seconds."""
    try:
        connect(connection_string, database="master", login_timeout=login_timeout).close()
    except ConnectError:
        return False
    return True


def _why_closed(number: int | None, status: str | None, access: int | None, sees_all: int | None) -> str:
    """Return why the database can't be opened; nothing if it doesn't exist."""
    if number is None:
        return "" if sees_all else "no such database, or no right to see it"
    if status and status != "ONLINE":
        return f"database {status.lower()}"
    # between the two questions it may have come up: the next attempt opens it then
    return "database coming up" if access else "no access to database"


def _neither(refused: ConnectError, reason: str) -> ConnectError:
    both = f"{refused.verdict.reason}; master: {reason}"
    return ConnectError(Verdict(Kind.NOT_YET, both), refused.text)
