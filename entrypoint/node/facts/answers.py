"""What Octopus.Server and the container engine answer to a question."""

import http.client
import json
import time
from collections.abc import Iterator

from entrypoint.base import engine
from entrypoint.octopus.api import Api, ApiError
from entrypoint.octopus.running_task import Task as RunningTask
from entrypoint.settings.configuration import Settings

from .schema import Ping, Task


_MOST = 1 << 20  # bytes of the engine's answer
_CONTAINERS = "/containers/json"  # those that run: Docker Engine API, ContainerList


def ping(settings: Settings, seconds: float) -> Ping:
    """Return what the ping address answers within `seconds`."""
    begun = time.monotonic()
    try:
        answer = Api(settings, seconds=seconds).ping()
        status, words = answer.status, f"the ping address answered {answer.status} {answer.reason}"[:200]
    except ApiError as error:
        status, words = 0, str(error)
    return Ping(status=status, words=words, seconds=round(time.monotonic() - begun, 3))


def tasks(settings: Settings, seconds: float) -> list[Task]:
    """Return the tasks of this node, as the API tells within `seconds`. Raise ApiError if it doesn't."""
    if not settings.api_key:
        raise ApiError("there is no API key")
    api = Api(settings, key=settings.api_key, seconds=seconds)
    return told(api.running_tasks(settings.octopus_server_node_name))


def told(found: list[RunningTask]) -> list[Task]:
    """Return tasks in the form of the schema."""
    return [
        Task(
            id=task.id,
            description=task.description,
            state=task.state,
            seconds=None if task.seconds is None else round(task.seconds, 1),
        )
        for task in found
    ]


def containers(host: str, seconds: float) -> int | None:
    """Return how many containers run, as the engine at `host` tells; None if it doesn't."""
    connection = http.client.HTTPConnection("localhost", timeout=seconds)
    try:
        connection.sock = engine.connect(host, seconds)
        connection.request("GET", _CONTAINERS)
        answer = connection.getresponse()
        found = json.loads(answer.read(_MOST))
    except (OSError, http.client.HTTPException, ValueError, RecursionError):
        return None
    finally:
        connection.close()
    return len(found) if answer.status == 200 and isinstance(found, list) else None


def fragments(settings: Settings, seconds: float) -> Iterator[dict[str, object]]:
    """Yield what the server answers, piece by piece, as parts of the facts."""
    said = ping(settings, seconds / 2)
    yield {"ping": said}
    if not said["status"]:
        return
    try:
        yield {"tasks_by_api": tasks(settings, seconds / 2)}
    except ApiError as error:
        yield {"unknown": {"tasks_by_api": str(error)}}
