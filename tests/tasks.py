"""Tasks of a node for tests, over the stand-in server's API."""

import json
import subprocess
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from node import Node
from processes import OCTO_NODE, ROOT, enter, wait_until


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


def drain_that_waits(
    node: Node, *words: str, times: int = 1, environ: Mapping[str, str] | None = None
) -> tuple[str, Sequence[subprocess.CompletedProcess[str]]]:
    """Drain a node, `times` at once, with a task that runs until each drain has said so.

    Return the task's id, and what came of the drains.
    """
    gate, outputs = node.folder / "gate", [node.folder / f"drain-{number}" for number in range(times)]
    running = task(node, 600, Command=["sh", "-c", f"until test -e {gate}; do sleep 0.1; done"])
    command = [*enter(node.pid), *OCTO_NODE, "drain", *words]
    environment = {name: value for name, value in (node.environment | dict(environ or {})).items() if value}
    started = []
    for output in outputs:
        with output.open("wb") as file:
            started.append(subprocess.Popen(command, env=environment, cwd=ROOT, stderr=file))
    try:
        for process, output in zip(started, outputs, strict=True):
            _wait_until_told(process, output)
        gate.touch()
        codes = [process.wait(120) for process in started]
    finally:
        for process in started:
            process.kill()
    return running, [
        subprocess.CompletedProcess(command, code, "", output.read_text())
        for code, output in zip(codes, outputs, strict=True)
    ]


def _wait_until_told(drain: "subprocess.Popen[bytes]", output: Path) -> None:
    """Wait until a drain says that a task runs, or has ended."""
    wait_until(lambda: drain.poll() is not None or "1 task running, " in output.read_text(), what="a drain waits")
