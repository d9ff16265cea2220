"""SQL Server's errors, with their numbers, classes and words."""

from __future__ import annotations


class SqlError(Exception):
    """An error that the client is told about; `aborts` says that the rest of the batch is not run."""

    def __init__(self, number: int, message: str, *, level: int = 16, state: int = 1, aborts: bool = False) -> None:
        super().__init__(message)
        self.number = number
        self.message = message
        self.level = level
        self.state = state
        self.aborts = aborts


class Disconnected(Exception):  # noqa: N818 - it is an event rather than an error
    """The client has gone."""


class Cancelled(Exception):  # noqa: N818 - it is an event rather than an error
    """The client has sent an attention."""


def syntax(near: str) -> SqlError:
    """Error 102."""
    return SqlError(102, f"Incorrect syntax near '{near}'.", level=15, aborts=True)


def invalid_object(name: str) -> SqlError:
    """Error 208: stops the batch at the statement, as deferred name resolution does."""
    return SqlError(208, f"Invalid object name '{name}'.", aborts=True)


def invalid_column(name: str) -> SqlError:
    """Error 207."""
    return SqlError(207, f"Invalid column name '{name}'.", aborts=True)


def unbound(name: str) -> SqlError:
    """Error 4104."""
    return SqlError(4104, f'The multi-part identifier "{name}" could not be bound.', aborts=True)


def undeclared(name: str) -> SqlError:
    """Error 137."""
    return SqlError(137, f'Must declare the scalar variable "{name}".', level=15, state=2, aborts=True)


def login_failed(user: str) -> SqlError:
    """Error 18456."""
    return SqlError(18456, f"Login failed for user '{user}'.", level=14)


def cannot_open(database: str) -> SqlError:
    """Error 4060, which is followed by 18456."""
    text = f'Cannot open database "{database}" requested by the login. The login failed.'
    return SqlError(4060, text, level=11)


def no_database(database: str) -> SqlError:
    """Error 911."""
    text = f"Database '{database}' does not exist. Make sure that the name is entered correctly."
    return SqlError(911, text, aborts=True)


def no_access(user: str, database: str) -> SqlError:
    """Error 916."""
    text = (
        f'The server principal "{user}" is not able to access the database "{database}" '
        "under the current security context."
    )
    return SqlError(916, text, level=14, state=2, aborts=True)


def unavailable(state: str, database: str) -> SqlError:
    """The error that opening a database in that state gives: 922, 942 or 924."""
    number, level, text = {
        "recovering": (922, 14, "is being recovered. Waiting until recovery is finished."),
        "offline": (942, 14, "cannot be opened because it is offline."),
        "single_user": (924, 14, "is already open and can only have one user at a time."),
    }[state]
    return SqlError(number, f"Database '{database}' {text}", level=level, aborts=True)


def conversion(value: object, target: str) -> SqlError:
    """Error 245."""
    text = f"Conversion failed when converting the nvarchar value '{value}' to data type {target}."
    return SqlError(245, text, aborts=True)


LOCK_TIMEOUT = SqlError(1222, "Lock request time out period exceeded.", state=51)


def deadlock(spid: int) -> SqlError:
    """Error 1205."""
    text = (
        f"Transaction (Process ID {spid}) was deadlocked on lock resources with another process and has "
        "been chosen as the deadlock victim. Rerun the transaction."
    )
    return SqlError(1205, text, level=13, state=51, aborts=True)
