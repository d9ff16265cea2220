"""/api/tasks, with and without a space."""

import pyodbc

from standin.octopus import tasks
from standin.octopus.tasks import Task

from .request import Answer, Request, paged, problem, unknown


DEFAULT_SPACE = "Spaces-1"
SETTABLE = {tasks.CANCELED, tasks.FAILED, tasks.SUCCESS}


def collection(request: Request, connection: pyodbc.Connection) -> Answer:
    """A page of the tasks that pass the filters."""
    found = [_resource(task) for task in tasks.everything(connection) if _passes(request, task)]
    return paged(request, "Task", found)


def create(request: Request, connection: pyodbc.Connection) -> Answer:
    """Put a task into the queue."""
    space = request.names.get("space") or str(request.fields.get("SpaceId") or DEFAULT_SPACE)
    task_id = tasks.queue(connection, request.fields, space)
    task = tasks.find(connection, task_id)
    return problem(500, "The task is gone.") if task is None else (201, _resource(task))


def one(request: Request, connection: pyodbc.Connection) -> Answer:
    """One task."""
    task = tasks.find(connection, request.names["id"])
    return unknown(request) if task is None else (200, _resource(task))


def cancel(request: Request, connection: pyodbc.Connection) -> Answer:
    """Cancel a task; one that is over is left alone."""
    task = tasks.find(connection, request.names["id"])
    if task is None:
        return unknown(request)
    tasks.cancel(connection, task)
    return one(request, connection)


def set_state(request: Request, connection: pyodbc.Connection) -> Answer:
    """Set the state of a task that nobody runs any more."""
    if tasks.find(connection, request.names["id"]) is None:
        return unknown(request)
    state = str(request.fields.get("state") or request.fields.get("State"))
    if state not in SETTABLE:
        return problem(400, f"The state of a task can't be set to {state}.")
    reason = str(request.fields.get("reason") or request.fields.get("Reason") or "")
    tasks.finish(connection, request.names["id"], state, reason)
    return one(request, connection)


def resume(request: Request, connection: pyodbc.Connection) -> Answer:
    """Answer the interruption of a task: the stand-in's short cut for the interruptions API."""
    tasks.resume(connection, request.names["id"])
    return one(request, connection)


def _passes(request: Request, task: Task) -> bool:
    """Whether a task passes every filter that was given."""
    query = request.query
    wanted = _wanted_states(request)
    return (
        _in_spaces(request, task)
        and query.get("node", task.node_id).lower() == task.node_id.lower()
        and (wanted is None or task.state.lower() in wanted)
        and (not query.get("haspendinginterruptions") or task.paused is request.asks("hasPendingInterruptions"))
        and query.get("name", task.name).lower() == task.name.lower()
        and query.get("partialname", "").lower() in task.description.lower()
        and ("ids" not in query or task.id in query["ids"].split(","))
    )


def _wanted_states(request: Request) -> set[str] | None:
    """The states that pass, in lower case; nothing when all do."""
    if request.query.get("states"):
        return {state.strip().lower() for state in request.query["states"].split(",")}
    if request.asks("running"):
        return {tasks.EXECUTING.lower(), tasks.CANCELLING.lower()}
    return {state.lower() for state in tasks.ACTIVE} if request.asks("active") else None


def _in_spaces(request: Request, task: Task) -> bool:
    """Only the default space's tasks are shown, unless asked for more; system tasks have no space."""
    if not task.space:
        return request.asks("includeSystem")
    spaces = request.names.get("space") or request.query.get("spaces") or DEFAULT_SPACE
    return spaces.lower() == "all" or task.space.lower() in spaces.lower().split(",")


def _resource(task: Task) -> dict[str, object]:
    return {
        "Id": task.id,
        "Name": task.name,
        "Description": task.description,
        "SpaceId": task.space or None,
        "State": task.state,
        "ServerNode": task.node_id or None,
        "QueueTime": task.queued,
        "StartTime": task.started,
        "CompletedTime": task.completed,
        "LastUpdatedTime": task.completed or task.started or task.queued,
        "IsCompleted": task.state not in tasks.ACTIVE,
        "HasBeenPickedUpByProcessor": task.started is not None,
        "HasPendingInterruptions": task.paused,
        "ErrorMessage": task.error,
        "Arguments": task.arguments,
        "Links": {"Self": f"/api/tasks/{task.id}", "Cancel": f"/api/tasks/{task.id}/cancel"},
    }
