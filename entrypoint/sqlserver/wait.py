"""Waits until SQL Server accepts logins and the Octopus database can be opened, or is known not to exist."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from tenacity import RetryCallState, Retrying, retry_if_exception, wait_exponential, wait_random

from . import network
from .address import DEFAULT_PORT
from .connect import LONGEST_LOGIN, ConnectError, Connection, connect
from .connection_string import ConnectionString
from .error_classes import Kind, Verdict
from .final_errors import failure
from .login_timeouts import LoginTimeouts
from .master_database import ask_master, may_use_master
from .odbc import Translation, installed_driver, translate
from .wait_progress import Logger, Publish, WaitProgress


REACH_SECONDS = 1.0  # for a TCP connection, and for the SQL Server Browser
LOGIN_PAUSE = 8.0  # seconds between refused logins: faster locks accounts
LOGIN_ATTEMPTS = 4

_told: set[str] = set()  # what was said of the connection string: once is enough, however often is waited

# 0.1 s growing to 0.4 s, jitter included: SQL Server is noticed within half a second
_PAUSE = wait_exponential(multiplier=0.1, exp_base=1.5, max=0.3) + wait_random(0, 0.1)


@dataclass(frozen=True, slots=True)
class Ready:
    """A SQL Server that takes logins.

    `connection` is to the Octopus database, None if that doesn't exist; `master_ok` says whether this login
    may connect to `master`. `connection_string` has the port of a named instance filled in.
    """

    connection: Connection | None
    database_exists: bool
    master_ok: bool
    connection_string: ConnectionString


def wait_until_ready(  # noqa: PLR0913 - three of them are the outside world, for tests to replace
    connection_string: ConnectionString,
    wait: float,
    log: Logger,
    publish: Publish,
    *,
    login_pause: float = LOGIN_PAUSE,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Ready:
    """Return when the Octopus database can be opened, or is known not to exist, within `wait` seconds.

    `publish` is told each change of what is waited for, and since when (monotonic). Raise NodeError:
    SQL_NOT_READY at the deadline and for what waiting doesn't mend, SQL_LOGIN for refused logins, SETTINGS for
    a driver that is missing or can't do what the connection string asks. A server that hangs at the very end
    may cost up to a second more: ODBC counts in whole ones.
    """
    _announce(translate(connection_string, installed_driver()), log)
    progress = WaitProgress(connection_string.address, log, publish, clock)
    return _Wait(connection_string, wait, progress, login_pause, clock, LoginTimeouts(connection_string)).run(sleep)


def try_once(connection_string: ConnectionString, log: Logger) -> Ready:
    """Return what one attempt finds, within the string's `Connect Timeout` for each login.

    Raise NodeError as `wait_until_ready` does.
    """
    clock = time.monotonic
    progress = WaitProgress(connection_string.address, log, lambda _reason, _since: None, clock)
    patience = LoginTimeouts(connection_string, connection_string.connect_timeout or LONGEST_LOGIN)
    try:
        return _Wait(connection_string, math.inf, progress, LOGIN_PAUSE, clock, patience).attempt()
    except ConnectError as error:
        raise failure(error, connection_string.address, None) from None


class _Wait:
    """One wait: its attempts, its deadline, how often the login was refused in a row."""

    def __init__(
        self,
        connection_string: ConnectionString,
        wait: float,
        progress: WaitProgress,
        login_pause: float,
        clock: Callable[[], float],
        patience: LoginTimeouts,
    ) -> None:
        self._target = connection_string
        self._wait = wait
        self._progress = progress
        self._login_pause = login_pause
        self._clock = clock
        self._deadline = clock() + wait
        self._refusals = 0
        self._patience = patience

    def run(self, sleep: Callable[[float], None]) -> Ready:
        """Try until an attempt succeeds, fails for good, or the deadline has come."""
        attempts = Retrying(
            sleep=sleep,
            wait=self._pause,
            stop=self._is_over,
            retry=retry_if_exception(self._worth_another),
            after=self._note,
            reraise=True,
        )
        try:
            ready = attempts(self.attempt)
        except ConnectError as error:
            raise failure(error, self._target.address, self._wait) from None
        self._progress.ready()
        return ready

    def attempt(self) -> Ready:
        """Try once. Raise ConnectError."""
        target = self._reach()
        try:
            return self._open(target)
        except ConnectError as error:
            self._patience.failed(error)
            raise

    def _open(self, target: ConnectionString) -> Ready:
        try:
            connection = connect(target, login_timeout=self._patience.seconds(self._left()))
        except ConnectError as error:
            # once is enough where the login itself may be wrong: each question is a login, and logins lock accounts
            verdict = error.verdict
            if not (verdict.kind is Kind.NO_DATABASE or (verdict.unsure and self._refusals == 0)):
                raise
            ask_master(target, error, self._patience.seconds(self._left()))
            return Ready(None, database_exists=False, master_ok=True, connection_string=target)
        try:
            master_ok = may_use_master(target, self._patience.seconds(self._left()))
        except ConnectError:
            connection.close()
            raise
        if connection.is_plain:
            self._progress.plain()
        return Ready(connection, database_exists=True, master_ok=master_ok, connection_string=target)

    def _reach(self) -> ConnectionString:
        """Return the connection string with its port, once something listens there."""
        target, seconds = self._target, max(0.1, min(REACH_SECONDS, self._left()))
        try:
            if target.port is None and target.instance is not None:
                target = replace(target, port=network.ask_browser(target.host, target.instance, seconds))
            network.reach(target.host, target.port or DEFAULT_PORT, seconds)
        except network.UnreachableError as error:
            raise ConnectError(Verdict(Kind.NOT_YET, str(error)), "") from None
        return target

    def _left(self) -> float:
        return self._deadline - self._clock()

    def _worth_another(self, error: BaseException) -> bool:
        if not isinstance(error, ConnectError):
            return False
        if error.verdict.kind is not Kind.LOGIN_FAILED:
            self._refusals = 0
            return error.verdict.kind is not Kind.NEVER
        self._refusals += 1
        return self._refusals < LOGIN_ATTEMPTS

    def _note(self, state: RetryCallState) -> None:
        error = _error_of(state)
        self._progress.failed(error.verdict.reason, error.text)

    def _pause(self, state: RetryCallState) -> float:
        refused = _error_of(state).verdict.kind is Kind.LOGIN_FAILED
        return min(self._login_pause if refused else _PAUSE(state), max(0.0, self._left()))

    def _is_over(self, state: RetryCallState) -> bool:
        refused = _error_of(state).verdict.kind is Kind.LOGIN_FAILED
        return self._left() <= (self._login_pause if refused else 0)


def _error_of(state: RetryCallState) -> ConnectError:
    error = state.outcome.exception() if state.outcome else None
    if not isinstance(error, ConnectError):
        raise TypeError(f"only a ConnectError is tried again, and this is {error!r}")
    return error


def _announce(translation: Translation, log: Logger) -> None:
    for sentences, tell in ((translation.warnings, log.warning), (translation.notes, log.info)):
        for sentence in sentences:
            if sentence not in _told:
                _told.add(sentence)
                tell(sentence)
    if translation.left_out:
        log.debug("ODBC has no counterpart of these keywords.", left_out=", ".join(translation.left_out))
