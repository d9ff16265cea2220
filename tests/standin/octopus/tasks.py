"""The rows of tasks: the queue all nodes share.

Which tasks run, when one waits for a person (Issues 3893, 10041): one with a guided failure, or with an intervention
in a child step, stays in Executing, keeps its slot and works on; one that only waits is back in Queued, without a slot.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pyodbc

from . import sql


QUEUED = "Queued"
EXECUTING = "Executing"
CANCELLING = "Cancelling"
CANCELED = "Canceled"
SUCCESS = "Success"
FAILED = "Failed"
ACTIVE = (QUEUED, EXECUTING, CANCELLING)
CHILD_STEP, MANUAL = "child-step", "manual"  # the argument Interruption; true is `manual`
_SELECT = (
    "SELECT Id, Name, Description, State, ServerNodeId, SpaceId, HasPendingInterruptions, ErrorMessage, "
    "JSON, CONVERT(nvarchar(40), QueueTime, 127), CONVERT(nvarchar(40), StartTime, 127), "
    "CONVERT(nvarchar(40), CompletedTime, 127) FROM ServerTask"
)
_RUNNING = "SELECT COUNT(*) FROM ServerTask WHERE ServerNodeId = ? AND State IN ('Executing', 'Cancelling')"


@dataclass(frozen=True)
class Task:
    """A task as the database has it."""

    id: str
    name: str
    description: str
    state: str
    node_id: str
    space: str
    paused: bool
    error: str
    arguments: Mapping[str, object]
    queued: str | None
    started: str | None
    completed: str | None

    @property
    def interruption(self) -> str:
        """For what the task will wait at its start: `child-step`, `manual` or nothing."""
        given = self.arguments.get("Interruption")
        if self.started is not None or not given:
            return ""
        return MANUAL if given is True else str(given)


def everything(connection: pyodbc.Connection) -> list[Task]:
    """All tasks, the newest first."""
    found = [_task(row) for row in sql.rows(connection, _SELECT)]
    return sorted(found, key=lambda task: _serial(task.id), reverse=True)


def active(connection: pyodbc.Connection) -> list[Task]:
    """The tasks that aren't over, the oldest first."""
    statement = _SELECT + " WHERE State IN ('Queued', 'Executing', 'Cancelling')"
    found = [_task(row) for row in sql.rows(connection, statement)]
    return sorted(found, key=lambda task: _serial(task.id))


def find(connection: pyodbc.Connection, task_id: str) -> Task | None:
    """The task of this Id."""
    found = sql.rows(connection, _SELECT + " WHERE Id = ?", task_id)
    return _task(found[0]) if found else None


def running_count(connection: pyodbc.Connection, node_id: str) -> int:
    """How many tasks a node has under way; one that works on while a step of it waits for a person is one."""
    return sql.number(connection, _RUNNING, node_id)


def queue(connection: pyodbc.Connection, body: Mapping[str, object], space: str) -> str:
    """Put a task into the queue."""
    system = body.get("System") is True
    details = json.dumps({"Arguments": body.get("Arguments") or {}})
    serial = sql.number(connection, "SELECT COUNT(*) FROM ServerTask") + 1
    while not _insert(connection, f"ServerTasks-{serial}", body, "" if system else space, details):
        serial += 1
    return f"ServerTasks-{serial}"


def claim(connection: pyodbc.Connection, task: Task, node_id: str) -> bool:
    """Take a queued task, unless another node was quicker; one that comes to wait for a person stays queued."""
    statement = (
        "UPDATE ServerTask SET State = ?, ServerNodeId = ?, StartTime = SYSDATETIMEOFFSET(), "
        "HasPendingInterruptions = ? WHERE Id = ? AND State = 'Queued' AND HasPendingInterruptions = 0"
    )
    state = QUEUED if task.interruption == MANUAL else EXECUTING
    return sql.change(connection, statement, state, node_id, int(bool(task.interruption)), task.id) == 1


def cancel(connection: pyodbc.Connection, task: Task) -> None:
    """Cancel a task: at once if it is queued, as one is that only waits for a person, else by its node."""
    if task.state == QUEUED:
        finish(connection, task.id, CANCELED)
    elif task.state == EXECUTING:
        statement = "UPDATE ServerTask SET State = 'Cancelling' WHERE Id = ? AND State = 'Executing'"
        connection.execute(statement, task.id)


def cancel_all(connection: pyodbc.Connection, node_id: str) -> None:
    """Cancel what a node has under way; tasks that only wait for a person stay."""
    for task in active(connection):
        if task.node_id == node_id and task.state == EXECUTING:
            cancel(connection, task)


def finish(connection: pyodbc.Connection, task_id: str, state: str, error: str = "") -> None:
    """Note how a task ended."""
    connection.execute(
        "UPDATE ServerTask SET State = ?, ErrorMessage = ?, CompletedTime = SYSDATETIMEOFFSET(), "
        "HasPendingInterruptions = 0, DurationSeconds = DATEDIFF(second, StartTime, SYSDATETIMEOFFSET()) "
        "WHERE Id = ?",
        state,
        error,
        task_id,
    )


def resume(connection: pyodbc.Connection, task_id: str) -> None:
    """Answer the interruption a task waits for."""
    connection.execute("UPDATE ServerTask SET HasPendingInterruptions = 0 WHERE Id = ?", task_id)


def _insert(connection: pyodbc.Connection, task_id: str, body: Mapping[str, object], space: str, details: str) -> bool:
    """Insert a task, unless its Id is taken."""
    try:
        connection.execute(
            "INSERT INTO ServerTask (Id, Name, Description, QueueTime, State, HasPendingInterruptions, "
            "HasWarningsOrErrors, ServerNodeId, SpaceId, JSON) "
            "VALUES (?, ?, ?, SYSDATETIMEOFFSET(), 'Queued', 0, 0, NULLIF(?, ''), NULLIF(?, ''), ?)",
            task_id,
            str(body.get("Name") or "Deploy"),
            str(body.get("Description") or "A task"),
            str(body.get("Node") or ""),
            space,
            details,
        )
    except pyodbc.IntegrityError:
        return False
    return True


def _task(row: pyodbc.Row) -> Task:
    kept = json.loads(row[8] or "{}")
    arguments = kept.get("Arguments") or {}
    return Task(
        id=row[0],
        name=row[1],
        description=row[2] or "",
        state=row[3],
        node_id=row[4] or "",
        space=row[5] or "",
        paused=bool(row[6]),
        error=row[7] or "",
        arguments=arguments,
        queued=row[9],
        started=row[10],
        completed=row[11],
    )


def _serial(task_id: str) -> tuple[int, str]:
    """Tasks in the order of their numbers."""
    digits = task_id.rpartition("-")[2]
    return (int(digits) if digits.isdigit() else 0, task_id)
