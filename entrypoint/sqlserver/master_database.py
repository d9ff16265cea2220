"""What `master` says about an Octopus database that can't be opened."""

import pyodbc

from .connect import ConnectError, connect
from .connection_string import ConnectionString
from .error_classes import Kind, Verdict, classify


QUERY_SECONDS = 4
_STATE = "SELECT state_desc, HAS_DBACCESS(name) FROM sys.databases WHERE name = ?"
# 0 if databases may be hidden from this login, which everybody may see unless that was taken away; Azure answers NULL
_SEES_ALL = "SELECT HAS_PERMS_BY_NAME(NULL, NULL, N'VIEW ANY DATABASE')"


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
        found = connection.execute(_STATE, connection_string.database)
        hidden = not found and connection.execute(_SEES_ALL).fetchval() == 0
    except pyodbc.Error as error:
        raise _neither(refused, classify(error).reason) from None
    finally:
        connection.close()
    if found or hidden:
        reason = _why_closed(*found[0]) if found else "no such database, or no right to see it"
        raise ConnectError(Verdict(Kind.NOT_YET, reason), refused.text)


def may_use_master(connection_string: ConnectionString, login_timeout: int) -> bool:
    """Return whether this login may connect to `master`; `login_timeout` is in seconds.

    Raise ConnectError if that can't be told just now: whoever thinks that it may not holds another lock than the rest.
    """
    try:
        connect(connection_string, database="master", login_timeout=login_timeout).close()
    except ConnectError as error:
        if error.verdict.is_passing:
            raise
        return False
    return True


def _why_closed(state: str, access: int | None) -> str:
    """Return why a database that is there couldn't be opened."""
    if state != "ONLINE":
        return f"database {state.lower()}"
    # between the two questions it may have come up: the next attempt opens it then
    return "database coming up" if access else "no access to database"


def _neither(refused: ConnectError, reason: str) -> ConnectError:
    both = f"{refused.verdict.reason}; master: {reason}"
    return ConnectError(Verdict(Kind.NOT_YET, both), refused.text)
