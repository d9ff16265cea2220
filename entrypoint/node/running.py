"""How many tasks run on this node: asked of whoever can tell."""

from typing import Protocol

import pyodbc

from entrypoint.octopus import reading, tables
from entrypoint.octopus.api import Api, ApiError, RefusedError
from entrypoint.octopus.tables import Task
from entrypoint.settings import Settings
from entrypoint.sqlserver.connect import ConnectError, Connection, connect, describe
from entrypoint.sqlserver.verdicts import Kind
from entrypoint.structured import Logger


LOGIN_SECONDS = 5


class UnknownError(Exception):
    """Nobody could tell just now; the message says why."""


class NeverError(UnknownError):
    """Asking again won't help."""


class Counter(Protocol):
    """Somebody who can tell which tasks run."""

    def tasks(self) -> list[Task]:
        """Return the running tasks. Raise UnknownError if that can't be told just now."""

    def cancel(self, tasks: list[Task]) -> bool:
        """Cancel `tasks`; return False if this counter can't cancel."""


class ByApi:
    """The HTTP API, with a key."""

    def __init__(self, settings: Settings) -> None:
        self._api = Api(settings, key=settings.api_key)
        self._node = settings.octopus_server_node_name

    def tasks(self) -> list[Task]:
        """Return the running tasks. Raise UnknownError if the API doesn't answer."""
        try:
            return self._api.running_tasks(self._node)
        except RefusedError as error:
            raise NeverError(str(error)) from error
        except ApiError as error:
            raise UnknownError(str(error)) from error

    def cancel(self, tasks: list[Task]) -> bool:
        """Cancel `tasks`. Raise UnknownError if the API doesn't answer."""
        try:
            for task in tasks:
                self._api.cancel(task)
        except ApiError as error:
            raise UnknownError(str(error)) from error
        return True


class BySql:
    """The task table, read in the database."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connection: Connection | None = None

    def tasks(self) -> list[Task]:
        """Return the running tasks. Raise UnknownError if the database doesn't answer, or doesn't tell."""
        try:
            if self._connection is None:
                self._connection = connect(
                    self._settings.db_connection_string, login_timeout=LOGIN_SECONDS, query_timeout=LOGIN_SECONDS
                )
            return tables.running_tasks(self._connection, self._settings.octopus_server_node_name)
        except reading.UnknownError as error:
            raise NeverError("the database has no task table that this login can read") from error
        except ConnectError as error:
            # a refused login isn't tried again and again: that locks accounts
            kind = UnknownError if error.verdict.kind is Kind.NOT_YET else NeverError
            raise kind(str(error)) from error
        except pyodbc.Error as error:
            self._connection = None
            raise UnknownError(describe(error, self._settings.db_connection_string.password)) from error

    def cancel(self, tasks: list[Task]) -> bool:  # noqa: ARG002 - Counter's signature
        """Return False: nothing is ever written to Octopus's tables."""
        return False


class Counters:
    """Everybody who may be able to tell, the best first: the API, if there is a key, then the database."""

    def __init__(self, settings: Settings, log: Logger) -> None:
        self._left: list[Counter] = [*([ByApi(settings)] if settings.api_key else []), BySql(settings)]
        self._log = log

    def tasks(self) -> list[Task]:
        """Return the running tasks. Raise UnknownError if nobody can tell just now, NeverError if nobody ever will."""
        while self._left:
            try:
                return self._left[0].tasks()
            except NeverError as error:
                self._log.info("The running tasks are counted in another way.", reason=str(error))
                del self._left[0]
        raise NeverError("neither the API nor the database tells which tasks run")

    def cancel(self, tasks: list[Task]) -> bool:
        """Cancel `tasks`; return False if whoever counts them can't. Raise UnknownError if it doesn't answer."""
        return bool(self._left) and self._left[0].cancel(tasks)
