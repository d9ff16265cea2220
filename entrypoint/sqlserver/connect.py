"""One connection to SQL Server, on which every call ends within its time limit."""

import math
import re
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Self, TypeVar

import pyodbc

from . import call_timeout, handshake, network, odbc, prelogin, trust
from .address import DEFAULT_PORT
from .connection_string import ConnectionString
from .error_classes import FAILED, NO_ENCRYPTION, NO_STRICT, RESET, TIMED_OUT, Kind, Verdict, classify


# Locks live as long as their session: a connection that a pool keeps open would keep them too.
pyodbc.pooling = False

T = TypeVar("T")

_ORIGIN = re.compile(r"\A(?:\[[^\]]*\]\s*)+")
_TAIL = re.compile(r"\s*\(-?\d+\)(?: \(SQL\w+\))?")
_LONGEST = 300  # characters of a driver's text


PRELOGIN_SECONDS = 1.0  # for a connection, and for the answer
QUERY_SECONDS = 15  # for an answer
MOST_ROWS = 1 << 16  # of an answer: no table that is asked has as many nodes, tasks or columns
LONGEST_LOGIN = 60  # seconds for a login, where the connection string sets no limit: a paused Azure SQL needs them
LOCK_SECONDS = 5.0  # for a table that somebody has locked: then error 1222
LEAST_SECONDS = 0.1  # for a call, whatever is left
GRACE_SECONDS = 1.0  # beyond a driver's own limit, which ends more gently than ours


class ConnectError(Exception):
    """No connection: `verdict` says what that means, `text` is what the driver said, without the password."""

    def __init__(self, verdict: Verdict, text: str) -> None:
        super().__init__(f"{verdict.reason}: {text}")
        self.verdict = verdict
        self.text = text


class Rows(list[pyodbc.Row]):
    """The rows of an answer, all of them: they were fetched within its time."""

    def fetchval(self) -> Any:  # noqa: ANN401 - of whatever type the column is
        """Return the first column of the first row, None if there is none."""
        return self[0][0] if self else None


class Connection:
    """A connection in autocommit mode. Each of its calls ends in its time, then with a pyodbc.Error (HYT00).

    After that the session is over. As a context it closes itself. `timeout` is what a question may take, in whole
    seconds, and `deadline` when all of them have to be answered (monotonic); `is_plain` says that SQL Server doesn't
    encrypt, where the connection string leaves that open.
    """

    def __init__(self, raw: pyodbc.Connection, sockets: set[int], timeout: int, *, is_plain: bool) -> None:
        self._raw: pyodbc.Connection | None = raw
        self._sockets = sockets
        self.timeout = timeout
        self.deadline = math.inf
        self.is_plain = is_plain

    def execute(self, statement: str, *parameters: object) -> Rows:
        """Return the rows that `statement` gives, none for one that gives none. Raise pyodbc.Error."""
        left = self.deadline - time.monotonic()
        timeout = max(math.ceil(min(self.timeout, left)), 1)
        seconds = max(min(timeout + GRACE_SECONDS, left), LEAST_SECONDS)
        return self._bounded(lambda raw: _fetch(raw, timeout, statement, parameters), seconds)

    def close(self) -> None:
        """End the session, and with it what it holds."""
        try:
            self._bounded(lambda raw: raw.close(), GRACE_SECONDS)
        except pyodbc.Error:
            pass  # it was over already
        self._raw = None

    def _bounded(self, work: Callable[[pyodbc.Connection], T], seconds: float) -> T:
        raw = self._raw
        if raw is None:
            raise pyodbc.OperationalError("08003", "[08003] The connection is closed (0)")
        try:
            return call_timeout.call(lambda: work(raw), seconds, lambda: self._sockets)
        except OSError as error:
            # never touched again: the call may have been left behind with it, and ends it in its own time
            self._raw = None
            raise pyodbc.OperationalError("HYT00", f"[HYT00] {_why(error, seconds)} (0)") from None

    def __enter__(self) -> Self:
        """Be a context that closes the connection."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


def _fetch(raw: pyodbc.Connection, timeout: int, statement: str, parameters: tuple[object, ...]) -> Rows:
    raw.timeout = timeout
    with raw.cursor() as cursor:
        cursor.execute(statement, *parameters)
        found = Rows(cursor.fetchmany(MOST_ROWS + 1) if cursor.description else [])
        if len(found) > MOST_ROWS:
            raise pyodbc.DataError("22000", f"[22000] The answer has more than {MOST_ROWS} rows (0)")
        return found


def _why(error: OSError, seconds: float) -> str:
    return (
        f"no answer within {round(seconds, 1):g} s"
        if isinstance(error, TimeoutError)
        else f"a call can't be made: {error}"
    )


def connect(
    connection_string: ConnectionString,
    *,
    database: str | None = None,
    login_timeout: int | None = None,
    query_timeout: int = QUERY_SECONDS,
    deadline: float = math.inf,
) -> Connection:
    """Return a new connection, to `database` if it is given in place of the string's own.

    `login_timeout` is in whole seconds, the string's `Connect Timeout` by default; `query_timeout` too. Raise
    ConnectError if there is no connection some seconds after that, and in any case about the `deadline` (monotonic),
    which the connection has as well; NodeError (SETTINGS) if there can't ever be one.
    """
    target = connection_string
    seconds = login_timeout or target.connect_timeout or LONGEST_LOGIN
    if target.port and not target.is_mirrored and network.has_several_addresses(target.host, _left(deadline)):
        # else Microsoft's driver has all of its time for the first, which may be dead
        target = replace(target, multi_subnet_failover=True)
    try:
        return _connect(target, database, seconds, query_timeout, deadline)
    except ConnectError as error:
        verdict = _understood(target, error, deadline)
        if verdict.reason == NO_ENCRYPTION and _may_be_plain(target):
            return _connect(replace(target, encrypt="optional"), database, seconds, query_timeout, deadline)
        raise ConnectError(verdict, error.text) from None


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), LEAST_SECONDS)


def _connect(
    target: ConnectionString, database: str | None, seconds: int, query_timeout: int, deadline: float
) -> Connection:
    driver = odbc.installed_driver()
    translation = odbc.translate(target, driver, database)
    if odbc.is_checked(target):
        _tell_trusted(target, driver)
    before = set(call_timeout.open_sockets())
    seconds = max(math.floor(min(seconds, _left(deadline))), 1)

    def log_in() -> pyodbc.Connection:
        raw = pyodbc.connect(translation.text, autocommit=True, timeout=seconds)
        # a migration locks tables, the catalogue's included, for as long as it takes: we don't queue up behind it, and
        # give up the lock before the question, so that it is known which of the two it was
        milliseconds = int(1000 * min(LOCK_SECONDS, query_timeout / 2))
        _fetch(raw, query_timeout, f"SET LOCK_TIMEOUT {milliseconds}", ())
        return raw

    def made() -> set[int]:
        return set(call_timeout.open_sockets()) - before

    try:
        raw = call_timeout.call(log_in, min(seconds + GRACE_SECONDS, _left(deadline)), made)
    except OSError as error:
        raise ConnectError(TIMED_OUT, _why(error, seconds)) from None
    except pyodbc.Error as error:
        # `from None`: a driver may quote the connection string
        raise ConnectError(classify(error), describe(error, target.password)) from None
    is_plain = target.encrypt == "optional" and not target.encrypt_is_given
    connection = Connection(raw, made(), query_timeout, is_plain=is_plain)
    connection.deadline = deadline
    return connection


def _tell_trusted(target: ConnectionString, driver: odbc.Driver) -> None:
    """Have the driver know which certificates are trusted. Raise ConnectError if there is no place to put them."""
    try:
        trust.bundle()
        if driver.is_freetds:
            port = target.port or (None if target.instance else DEFAULT_PORT)
            by_name = not odbc.has_other_name(target)
            trust.configure_freetds(target.host, port, target.instance, by_name=by_name)
    except OSError as error:
        raise ConnectError(Verdict(Kind.NOT_YET, FAILED), f"no memory for certificates: {error.strerror}") from None


def _understood(target: ConnectionString, error: ConnectError, deadline: float) -> Verdict:
    """Return what `error` means: a handshake that fails looks like a lost connection, so the server is asked itself."""
    if error.verdict.reason not in (RESET, FAILED) or target.encrypt == "optional":
        return error.verdict
    port = target.port or DEFAULT_PORT
    offered = prelogin.encryption(target.host, port, min(PRELOGIN_SECONDS, _left(deadline)), _left(deadline))
    if target.encrypt == "strict" and offered is not None:
        return Verdict(Kind.NEVER, NO_STRICT)
    if target.encrypt == "mandatory" and offered == prelogin.NOT_SUPPORTED:
        return Verdict(Kind.NEVER, NO_ENCRYPTION)
    if offered is not None and odbc.is_checked(target) and odbc.installed_driver().is_freetds:
        trusted, by_name = trust.bundle()[1], not odbc.has_other_name(target)
        limit = min(handshake.SECONDS, _left(deadline) / 2)
        why = handshake.refusal(target.host, port, trusted, by_name=by_name, seconds=limit)
        return Verdict(Kind.NEVER, why) if why else error.verdict
    return error.verdict


def _may_be_plain(target: ConnectionString) -> bool:
    """Return whether Octopus.Server may do without encryption: older versions do, if the string doesn't ask for it.

    `Encrypt` was off by default in System.Data.SqlClient, which 2020.3 has, and is on in Microsoft.Data.SqlClient 4.
    """
    return not target.encrypt_is_given and target.trust_server_certificate is not False


def describe(error: Exception, password: str) -> str:
    """Return the first thing that the driver said, on one line, without numbers and the password."""
    text = str(error.args[-1] if error.args else error)
    if password:
        for form in (odbc.escape(password)[1:-1], password):
            text = text.replace(form, "***")
    first = _TAIL.split(_ORIGIN.sub("", text), maxsplit=1)[0]
    return " ".join(first.split())[:_LONGEST]
