"""Tasks of a node for tests, over the stand-in server's API."""

import json
import urllib.request
from typing import Any

from node import Node
from processes import wait_until


def ask(node: Node, path: str, body: object = None, *, method: str | None = None) -> dict[str, Any]:
    """Return the API's answer to a question, or to what is posted."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{node.port}{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"X-Octopus-ApiKey": "API-SECRETOFTHETEST", "Content-Type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - the address is the line above
        found: dict[str, Any] = json.load(answer)
    return found


def task(node: Node, seconds: float, **more: object) -> str:
    """Queue a task, wait until it runs, return its id."""
    body = {"Name": "Deploy", "Description": "Deploy web 1.4 to Production", "Arguments": {"Seconds": seconds, **more}}
    found = str(ask(node, "/api/tasks", body)["Id"])
    wait_until(lambda: state(node, found) == "Executing", what="the task runs")
    return found


def state(node: Node, task_id: str) -> str:
    """Return the state of a task."""
    return str(ask(node, f"/api/tasks/{task_id}")["State"])
