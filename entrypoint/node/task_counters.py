"""Counts the tasks that run on this node, and finds out whether it takes new ones: by ping, API or database."""

import math
import time
from dataclasses import dataclass

import pyodbc

from entrypoint.base.errors import NodeError
from entrypoint.octopus import queries, tables
from entrypoint.octopus.api import DRAINING, SECONDS, Api, ApiError, RefusedError
from entrypoint.octopus.running_task import Task
from entrypoint.settings.configuration import Settings
from entrypoint.sqlserver.connect import ConnectError, Connection, connect, describe
from entrypoint.sqlserver.error_classes import Kind
from entrypoint.sqlserver.login_timeouts import LoginTimeouts, longest_login
from entrypoint.structured_log import Logger

from .drain_deadlines import Deadlines
from .ping import Ping, Throttle


ANSWER_SECONDS = 5  # that SQL Server has for an answer
FIRST_LOGIN_SECONDS = 5.0  # for a login at first; what slow servers need is found by `LoginTimeouts`
RELOGIN_SECONDS = 10.0  # after a login that was refused: again and again locks accounts
SERVER_ERRORS = 500  # and above: a server that isn't well
GOOD = range(200, 300)
FLAG_SECONDS = 30.0  # after which a server has seen the flag in its row: it looks at the queue every 20


class UnknownError(Exception):
    """The running tasks are unknown just now; the message says why."""


class NeverError(UnknownError):
    """Asking again won't help."""


@dataclass(frozen=True, slots=True)
class Flag:
    """Whether the node takes no new tasks (`draining`; None: unknown), by its ping and its row.

    `status` is what the ping answered, 0 for nothing, and `words` say it for people. `is_sure` is False where only the
    ping says so: it answers 418 for a node that is marked as offline, too (OctopusDeploy issue 7964).
    """

    draining: bool | None
    status: int
    words: str
    is_sure: bool

    @property
    def known(self) -> bool | None:
        """Whether it takes no new tasks, None unless that is sure."""
        return self.draining if self.is_sure else None

    @property
    def takes_tasks(self) -> bool:
        """Whether the server answers, and takes tasks."""
        return self.draining is False and self.status < SERVER_ERRORS and self.status != DRAINING


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen of a node just now.

    Attributes: `tasks` that run, None if nobody could tell; `flagged`, whether it is to take no new ones, and
    `draining`, whether it has seen that; `server_answers` and `database_answers`, whether the server and SQL Server
    gave any answer at all; `trouble`, in words, empty if all is well.
    """

    tasks: list[Task] | None
    flagged: bool | None
    draining: bool
    server_answers: bool
    database_answers: bool
    trouble: str


class Database:
    """The node's row and the task table, read in the database."""

    def __init__(self, settings: Settings, seconds: int = ANSWER_SECONDS) -> None:
        self._settings = settings
        self._seconds = seconds
        self._patience = LoginTimeouts(settings.db_connection_string, min(seconds, FIRST_LOGIN_SECONDS))
        self._connection: Connection | None = None
        self._not_before = 0.0
        self._deadline = math.inf
        self._failed = ""
        self.answers = False  # whether it answered since the last `begin`

    def begin(self, deadline: float) -> None:
        """Begin a look, in which one login is tried at most, and which has to be over by `deadline` (monotonic)."""
        self.answers = False
        self._failed = ""
        self._deadline = deadline
        if self._connection is not None:
            self._connection.deadline = deadline

    def tasks(self) -> list[Task]:
        """Return the running tasks. Raise UnknownError if the database doesn't answer, or doesn't tell."""
        try:
            return tables.running_tasks(self._connected(), self._settings.octopus_server_node_name)
        except tables.NoNodeError as error:
            raise UnknownError(str(error)) from error
        except queries.UnknownError as error:
            raise NeverError("the database has no task table that this login can read") from error
        except pyodbc.Error as error:
            raise self._lost(error) from error

    def is_draining(self) -> bool | None:
        """Return whether the node's row has the flag; None if it doesn't tell. Raise UnknownError."""
        try:
            return tables.is_draining(self._connected(), self._settings.octopus_server_node_name)
        except pyodbc.Error as error:
            raise self._lost(error) from error

    def _connected(self) -> Connection:
        if self._connection is None:
            if not self._failed and time.monotonic() < self._not_before:
                self._failed = "SQL Server refused the login, and is not asked again for a while"
            if self._failed:
                raise UnknownError(self._failed)
            self._connection = self._connect()
        self.answers = True
        return self._connection

    def _connect(self) -> Connection:
        string = self._settings.db_connection_string
        try:
            login = self._patience.seconds(self._deadline - time.monotonic())
            return connect(string, login_timeout=login, query_timeout=self._seconds, deadline=self._deadline)
        except NodeError as error:
            raise NeverError(str(error)) from error
        except ConnectError as error:
            self._patience.failed(error)
            kind = error.verdict.kind
            if kind is Kind.NEVER or (kind is Kind.LOGIN_FAILED and not error.verdict.unsure):
                self.answers = True
                raise NeverError(str(error)) from error
            # a database that another replica is about to open is refused, too
            if kind is not Kind.NOT_YET:
                self._not_before = time.monotonic() + RELOGIN_SECONDS
            self._failed = f"SQL Server doesn't answer: {error}"
            raise UnknownError(self._failed) from error

    def _lost(self, error: pyodbc.Error) -> UnknownError:
        self._connection = None
        self.answers = False
        said = describe(error, self._settings.db_connection_string.password)
        self._failed = f"SQL Server doesn't answer: {said}"
        return UnknownError(self._failed)


class NodeWatch:
    """Looks at a node: its ping address, the API if there is a key, the database."""

    def __init__(self, settings: Settings, log: Logger, *, seconds: float = SECONDS) -> None:
        self._node = settings.octopus_server_node_name
        self._log = log
        self._throttle = Throttle()  # of the API: the ping address has a limit of its own
        self._pinged = Api(settings, seconds=seconds)
        self._ping = Ping(self._pinged, Throttle())
        self._login_seconds = longest_login(settings.db_connection_string)
        self._api = Api(settings, key=settings.api_key, seconds=seconds) if settings.api_key else None
        self._database: Database | None = Database(settings, max(int(seconds), 1))
        self._flagged_since: float | None = None

    def flag(self, deadlines: Deadlines | None = None) -> Flag:
        """Return whether the node takes no new tasks: asked of its ping address, and of its row unless that says no.

        That is given up in time for the `deadlines`.
        """
        self._begin(deadlines or Deadlines(math.inf, 0.0, 0.0))
        said = self._ping.ask()
        if said.draining is False or not said.status:
            return Flag(said.draining, said.status, said.words, is_sure=True)
        row = self._by_row()
        if row is None:
            return Flag(said.draining, said.status, said.words, is_sure=False)
        isnt = ", but its row doesn't have the flag: it is marked as offline" if said.draining and not row else ""
        return Flag(row, said.status, said.words + isnt, is_sure=True)

    def _begin(self, deadlines: Deadlines) -> None:
        """Begin a look: its one deadline is that of all questions."""
        end = deadlines.end_of_look(self._login_seconds)
        self._pinged.deadline = end
        if self._api is not None:
            self._api.deadline = end
        if self._database is not None:
            self._database.begin(end)

    def _by_row(self) -> bool | None:
        try:
            return None if self._database is None else self._database.is_draining()
        except UnknownError:
            return None

    def look(self, deadlines: Deadlines) -> Observation:
        """Return what can be seen of the node now, in time for the `deadlines`.

        Raise NeverError if nobody can ever count its tasks.
        """
        flag = self.flag(deadlines)
        by_ping = flag.status in GOOD or (flag.status == DRAINING and flag.draining is True)
        troubles = [] if by_ping else [flag.words]
        tasks: list[Task] | None = None
        try:
            tasks = self.tasks(is_mute=not flag.status)
        except NeverError:
            raise
        except UnknownError as error:
            troubles.append(str(error))
        answers = self._database is not None and self._database.answers
        return Observation(
            tasks, flag.known, self._has_seen(flag, by_ping), bool(flag.status), answers, "; ".join(troubles)
        )

    def _has_seen(self, flag: Flag, by_ping: bool) -> bool:  # noqa: FBT001 - private
        """Return whether the server knows the flag: it shows it, or its row has had it for long."""
        if not flag.draining:
            self._flagged_since = None
            return False
        now = time.monotonic()
        self._flagged_since = self._flagged_since or now
        return by_ping or now - self._flagged_since >= FLAG_SECONDS

    def cancel(self, tasks: list[Task], deadline: float) -> bool:
        """Cancel `tasks` by the API until `deadline` (monotonic); return False if there is none that may.

        Raise UnknownError if it doesn't answer.
        """
        if self._api is None:
            return False
        self._api.deadline = deadline
        try:
            for task in tasks:
                if time.monotonic() >= deadline:
                    raise UnknownError("cancelling took too long")
                self._api.cancel(task)
        except ApiError as error:
            raise UnknownError(str(error)) from error
        return True

    def tasks(self, *, is_mute: bool) -> list[Task]:
        """Return the running tasks by the API, or else the database; a server that is mute isn't asked again.

        Where the API knows of none, the database has to agree: a key may see less than there is. Raise UnknownError if
        nobody can tell now, NeverError if nobody ever will.
        """
        reasons: list[str] = []
        by_api: list[Task] | None = None
        if self._api is not None and not is_mute and not self._throttle.is_closed:
            try:
                by_api = self._tasks_by_api(self._api)
                if by_api:
                    return by_api
            except UnknownError as error:
                reasons.append(str(error))
        if self._database is not None:
            try:
                return self._database.tasks()
            except NeverError as error:
                self._log.info("The running tasks can't be counted in the database.", reason=str(error))
                self._database = None
            except UnknownError as error:
                reasons.append(str(error))
        if by_api is not None:
            return by_api
        if self._api is None and self._database is None:
            raise NeverError("neither the API nor the database tells which tasks run")
        raise UnknownError("; ".join(reasons) or "the tasks can't be counted now")

    def _tasks_by_api(self, api: Api) -> list[Task]:
        try:
            found = api.running_tasks(self._node)
        except RefusedError as error:
            self._api = None
            self._log.info("The running tasks are counted another way.", reason=str(error))
            raise UnknownError(str(error)) from error
        except ApiError as error:
            if error.pause:
                self._throttle.close(error.pause)
            raise UnknownError(str(error)) from error
        self._throttle.open()
        return found
