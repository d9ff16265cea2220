"""The steps of the demo, in order."""

import json
import re
import shlex
import subprocess
import time
from typing import Any

import urllib3
from processes import wait_until

from .programs import API_KEY, NAME, SECRETS, Programs, StepError


SQL_LATE = 3.0  # seconds in which the node has no SQL Server
TASK, TASK_SECONDS = "Deploy web 1.4 to Production", 6
CONFIGURE = ["create-instance", "database", "configure", "path", "admin", "license", "node"]


class Demo:
    """The steps, in order; each raises StepError if the node didn't do what its title says."""

    def __init__(self, programs: Programs) -> None:
        self.programs = programs
        self.api = urllib3.PoolManager(headers={"X-Octopus-ApiKey": API_KEY}, timeout=10, retries=False)

    def show(self, *words: str, code: int = 0, has: str = "") -> str:
        """Run octo-node beside the node, and show it. Raise StepError if exit code or text aren't as expected."""
        print(f"\n$ octo-node {shlex.join(words)}", flush=True)
        lines = []
        with subprocess.Popen(
            [self.programs.tool, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            for line in process.stdout or ():
                print(f"  {line}", end="", flush=True)
                lines.append(line)
        print(f"  (exit code {process.returncode})", flush=True)
        text = "".join(lines)
        if process.returncode != code or not re.search(has, text):
            raise StepError(f"`octo-node {shlex.join(words)}` had to end with {code} and say {has!r}: {text}")
        return text

    def check(self) -> None:
        """Show what a start would run, and that SQL Server isn't there yet (12)."""
        text = self.show("check", "--commands", code=12, has=r"failed +login: SQL Server at .* isn't ready")
        verbs = [line.split()[1] for line in text.splitlines() if line.startswith(str(self.programs.folder))]
        if verbs != CONFIGURE:
            raise StepError(f"the commands are {verbs}, not {CONFIGURE}")
        if any(secret in text for secret in SECRETS):
            raise StepError("a secret was printed")

    def wait_for_sql(self) -> None:
        """Start without a database."""
        print(self.programs.place.sentence, flush=True)
        self.programs.start_node()
        self.programs.wait_for("waiting", lambda: "waiting" in str(self.programs.state("prepare").get("doing")))
        time.sleep(SQL_LATE)
        self.show("probe", "startup", code=1, has="not up yet: preparing, waiting for SQL Server")
        self.show("status", has=f"{NAME} is waiting for SQL Server")

    def come_up(self) -> None:
        """Start the database."""
        self.programs.start_sql()
        self._wait_until_up(CONFIGURE)

    def _wait_until_up(self, expected: list[str]) -> None:
        self.programs.wait_for("it was up", lambda: self.programs.state("node").get("phase") == "up")
        journal = [json.loads(line) for line in self.programs.journal.read_text().splitlines()]
        verbs = [line["verb"] for line in journal if line["event"] == "start" and line["verb"] in CONFIGURE]
        print(f"{len(verbs)} configure commands were run: {', '.join(verbs) or 'none'}", flush=True)
        if verbs != expected:
            raise StepError(f"the commands were {verbs}, not {expected}")

    def probe(self) -> None:
        """Ask what kubelet asks."""
        for kind in ("startup", "liveness", "readiness"):
            self.show("probe", kind, has="200")

    def status(self) -> None:
        """Ask what a person asks."""
        self.show("status", has=rf"{NAME} is up since \d\d:\d\d\n(.*\n)+boot +up after [\d.]+ s\n +preflight ")

    def drain(self) -> None:
        """Queue a task, and drain while it runs."""
        task = self._ask(
            "POST", "/tasks", {"Name": "Deploy", "Description": TASK, "Arguments": {"Seconds": TASK_SECONDS}}
        )
        wait_until(lambda: self._state(task["Id"]) == "Executing", what="the task runs")
        print(f"{task['Id']} {TASK!r} runs; it takes {TASK_SECONDS} s.", flush=True)
        self.show("drain", "--wait", "60", has=rf"1 task running, [\w ]+ left: {task['Id']} {TASK}")
        state = self._state(task["Id"])
        print(f"{task['Id']} ended with {state}.", flush=True)
        if state != "Success":
            raise StepError(f"the task ended with {state}")
        self.show("probe", "liveness", has="418")

    def _ask(self, method: str, path: str, body: dict[str, object] | None = None) -> dict[str, Any]:
        answer = self.api.request(method, f"http://127.0.0.1:{self.programs.port}/api{path}", json=body)
        if answer.status >= 400:
            raise StepError(f"{method} {path}: {answer.status} {answer.data[:1000]!r}")
        found: dict[str, Any] = answer.json()
        return found

    def _state(self, task: str) -> str:
        return str(self._ask("GET", f"/tasks/{task}")["State"])

    def undrain(self) -> None:
        """Let it take tasks again."""
        self.show("undrain", has="takes tasks again")
        self.show("probe", "liveness", has="200")

    def stop(self) -> None:
        """Stop it."""
        print("$ docker stop, or: kill -TERM 1", flush=True)
        code = self.programs.stop_node()
        print(f"exit code {code}; processes left: {self.programs.left() or 'none'}", flush=True)
        if code != 0 or self.programs.left():
            raise StepError(f"exit code {code}, left: {self.programs.left()}")

    def start_again(self) -> None:
        """Start it with the same settings."""
        self.programs.start_node()
        self._wait_until_up([])

    def stay(self) -> None:
        """Leave it up until Ctrl-C."""
        tool, port = self.programs.tool, self.programs.port
        task = json.dumps({"Name": "Deploy", "Description": TASK, "Arguments": {"Seconds": 30}})
        key = f"-H 'X-Octopus-ApiKey: {API_KEY}'"
        print("Try, in another terminal:")
        for words in (
            "status",
            "status --watch",
            "nodes",
            "probe readiness",
            "check --commands",
            "drain --wait 60",
            "undrain",
            "status --json",
        ):
            print(f"  {tool} {words}")
        print(f"  curl -s {key} http://localhost:{port}/api/tasks")
        print(f"  curl -s {key} -d '{task}' http://localhost:{port}/api/tasks")
        print(f"  kill -TERM {self.programs.pid()}")
        print("Ctrl-C ends it.", flush=True)
        try:
            if self.programs.node is not None:
                self.programs.node.wait()
        except KeyboardInterrupt:
            print(flush=True)
