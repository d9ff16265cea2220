"""The demo: a node from nothing, shown to a person, each step checked. `scripts/demo` runs it."""

import argparse
import base64
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from processes import ROOT, children, free_port, wait_until
from standin.octopus.install import install

from entrypoint import prctl


INTRODUCTION = """\
The node is real: octo-node, as it would run in a container. Octopus.Server and SQL Server are STAND-INS: programs
in tests/standin that speak the same interfaces, because the real ones can't be had from a package registry.
Nothing you see here is Octopus Deploy's or Microsoft's.
"""
OCTO_NODE = Path(sys.executable).with_name("octo-node")
SQL_LATE = 3.0  # seconds in which the node has no SQL Server
STARTUP = 0.4  # seconds that each command of the stand-in server takes to start; the real one takes more
TASK = "Deploy web 1.4 to Production"
TASK_SECONDS = 6
NAME = "demo-0"
SQL_PASSWORD, ADMIN_PASSWORD, API_KEY = "Passw0rd!", "Adm1n-of-the-demo", "API-DEMODEMODEMO"
MASTER_KEY = base64.b64encode(b"a demo's own key").decode()
LICENCE = base64.b64encode(b"<License><LicensedTo>Demo</LicensedTo></License>").decode()
CONFIGURE = ["create-instance", "database", "configure", "path", "admin", "license", "node"]


class StepError(Exception):
    """A step didn't do what it says."""


@dataclass(frozen=True)
class Place:
    """Where the node runs: what starts it there, and the options of `nsenter` that bring a command beside it."""

    sentence: str
    start: tuple[str, ...] = ()
    enter: tuple[str, ...] = ()


_NEW = ("-pf", "--mount-proc", "--kill-child")
_ENTER = ("--pid", "--mount", "--root")
PLACES = (
    Place("It is process 1 of a new pid namespace.", ("unshare", *_NEW), _ENTER),
    Place(
        "It is process 1 of a new pid namespace, inside a user namespace because you aren't root.",
        ("unshare", "-Ur", *_NEW),
        ("--user", "--preserve-credentials", *_ENTER),
    ),
    Place("No pid namespace is allowed here, so it is NOT process 1: it runs as a subreaper."),
)


def find_place() -> Place:
    """Return the first place that this machine allows."""

    def allowed(place: Place) -> bool:
        return not subprocess.run([*place.start, "true"], capture_output=True, check=False).returncode

    return next(place for place in PLACES if allowed(place))


class Programs:
    """The node and its database, in `folder`; `tool` is the command that runs octo-node beside the node.

    Each is in a session of its own, so that Ctrl-C reaches only the demo, and ends if the demo is killed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.place = find_place()
        self.tool = folder / "octo-node"
        self.journal = folder / "journal"
        self.sql_port, self.port = free_port(), free_port()
        self.root = folder / "root"
        self.sql: subprocess.Popen[bytes] | None = None
        self.node: subprocess.Popen[bytes] | None = None
        (self.root / "masterKey").mkdir(parents=True)
        install(folder / "Octopus")
        self.environ = self._environ()
        self._write_tool([])

    def _environ(self) -> dict[str, str]:
        """Return what a manifest or a compose file would set, and what is told to the stand-in."""
        return {
            "ACCEPT_EULA": "Y",
            "DISABLE_DIND": "Y",
            "DB_CONNECTION_STRING": f"Server=127.0.0.1,{self.sql_port};Database=OctopusDeploy;User Id=sa;"
            f"Password={SQL_PASSWORD};Encrypt=False",
            "MASTER_KEY": MASTER_KEY,
            "OCTOPUS_SERVER_BASE64_LICENSE": LICENCE,
            "OCTOPUS_SERVER_NODE_NAME": NAME,
            "ADMIN_PASSWORD": ADMIN_PASSWORD,
            "ADMIN_API_KEY": API_KEY,
            "TASK_CAP": "5",
            "OCTO_NODE_SERVER_DIR": str(self.folder / "Octopus"),
            "OCTO_NODE_ROOT": str(self.root),
            "OCTO_NODE_RUN_DIR": str(self.folder / "run"),
            "OCTO_NODE_WEB_PORT": str(self.port),
            "STANDIN_OCTOPUS_ROOT": str(self.root),
            "STANDIN_OCTOPUS_JOURNAL": str(self.journal),
            "STANDIN_OCTOPUS_STARTUP": str(STARTUP),
        }

    def _write_tool(self, enter: list[str]) -> None:
        lines = [f"export {name}={shlex.quote(value)}" for name, value in self.environ.items()]
        command = shlex.join([*enter, str(OCTO_NODE)])
        self.tool.write_text("\n".join(["#!/bin/sh", *lines, f'exec {command} "$@"', ""]))
        self.tool.chmod(0o700)

    def _start(self, command: list[str], environ: dict[str, str], number: int) -> subprocess.Popen[bytes]:
        parent = os.getpid()
        return subprocess.Popen(
            command,
            env=os.environ | environ,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: prctl.die_with_parent(parent, number),  # noqa: PLW1509 - the demo has one thread
        )

    def start_sql(self) -> None:
        """Start the stand-in SQL Server."""
        options = [f"--data={self.folder / 'sql'}", f"--port={self.sql_port}", f"--login=sa:{SQL_PASSWORD}"]
        command = [sys.executable, "-m", "standin.sqlserver", *options]
        self.sql = self._start(command, {"PYTHONPATH": str(ROOT / "tests")}, signal.SIGKILL)

    def start_node(self) -> None:
        """Start `octo-node run`, and let `tool` run beside it."""
        self.journal.unlink(missing_ok=True)
        number = signal.SIGKILL if self.place.start else signal.SIGTERM  # KILL of `unshare` kills all inside
        self.node = self._start([*self.place.start, str(OCTO_NODE), "run"], self.environ, number)
        if self.place.enter:
            self._write_tool(["nsenter", f"--target={self.pid()}", *self.place.enter, "--"])

    def pid(self) -> int:
        """Return the pid of `octo-node run`, as this process knows it."""
        if self.node is None:
            raise StepError("the node isn't started")
        outer = self.node.pid
        return wait_until(lambda: children(outer))[0] if self.place.start else outer

    def state(self, name: str) -> dict[str, Any]:
        """Return a state file of the node; empty if it isn't there."""
        try:
            found: dict[str, Any] = json.loads((self.folder / "run" / f"{name}.json").read_text())
        except FileNotFoundError:
            return {}
        return found

    def wait_for(self, what: str, condition: Callable[[], bool]) -> None:
        """Wait for something the node does. Raise StepError if it ends before."""

        def there() -> bool:
            if self.node is not None and self.node.poll() is not None:
                raise StepError(f"the node ended with exit code {self.node.returncode} before {what}")
            return condition()

        wait_until(there, 60, what)

    def stop_node(self) -> int:
        """Stop the node as `docker stop` does; return its exit code."""
        if self.node is None:
            raise StepError("the node isn't started")
        os.kill(self.pid(), signal.SIGTERM)
        return self.node.wait(60)

    def left(self) -> list[int]:
        """Return what is left of the node's session."""
        found = [int(entry) for entry in os.listdir("/proc") if entry.isdecimal()]
        return [pid for pid in found if self.node is not None and _session(pid) == self.node.pid]

    def close(self) -> None:
        """End whatever still runs, the node in order."""
        try:
            if self.node is not None and self.node.poll() is None:
                self.stop_node()
        finally:
            for process in (self.node, self.sql):
                if process is not None and process.poll() is None:
                    process.kill()
                    process.wait()


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return 0


class Demo:
    """The steps, in order; each raises StepError if the node didn't do what its title says."""

    def __init__(self, programs: Programs) -> None:
        self.programs = programs
        self.api = requests.Session()
        self.api.trust_env = False  # a proxy doesn't lead to this machine
        self.api.headers["X-Octopus-ApiKey"] = API_KEY

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
        """Show what a start would run."""
        text = self.show("check", "--commands", has="nothing wrong")
        verbs = [line.split()[1] for line in text.splitlines() if line.startswith(str(self.programs.folder))]
        if verbs != CONFIGURE:
            raise StepError(f"the commands are {verbs}, not {CONFIGURE}")
        if any(secret in text for secret in (SQL_PASSWORD, ADMIN_PASSWORD, API_KEY, MASTER_KEY, LICENCE)):
            raise StepError("a secret was printed")

    def wait_for_sql(self) -> None:
        """Start without a database."""
        print(self.programs.place.sentence, flush=True)
        self.programs.start_node()
        self.programs.wait_for("waiting", lambda: "waiting" in str(self.programs.state("prepare").get("doing")))
        time.sleep(SQL_LATE)
        self.show("probe", "startup", code=1, has="not up yet: preparing, waiting for SQL Server")
        self.show("status", has="not up yet")

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
        self.show("status", has=rf"the node is up\nnode {NAME} is up after [\d.]+ s: preflight .* sql .* server ")

    def drain(self) -> None:
        """Queue a task, and drain while it runs."""
        task = self._ask("POST", "/tasks", {"Name": "Deploy", "Description": TASK, "Arguments": {"Seconds": TASK_SECONDS}})
        wait_until(lambda: self._state(task["Id"]) == "Executing", what="the task runs")
        print(f"{task['Id']} {TASK!r} runs; it takes {TASK_SECONDS} s.", flush=True)
        self.show("drain", "--wait", "60", has=rf"1 task running, [\w ]+ left: {task['Id']} {TASK}")
        state = self._state(task["Id"])
        print(f"{task['Id']} ended with {state}.", flush=True)
        if state != "Success":
            raise StepError(f"the task ended with {state}")
        self.show("probe", "liveness", has="418")

    def _ask(self, method: str, path: str, body: dict[str, object] | None = None) -> dict[str, Any]:
        answer = self.api.request(method, f"http://localhost:{self.programs.port}/api{path}", json=body, timeout=10)
        answer.raise_for_status()
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
        for words in ("status", "probe readiness", "check --commands", "drain --wait 60", "undrain", "status --json"):
            print(f"  {tool} {words}")
        print(f"  curl -s {key} http://localhost:{port}/api/tasks")
        print(f"  curl -s {key} -d '{task}' http://localhost:{port}/api/tasks")
        print(f"  kill -TERM {self.programs.pid()}")
        print("Ctrl-C ends it.", flush=True)
        with ignored_interrupt():
            code = self.programs.node.wait() if self.programs.node else 0
            raise StepError(f"the node ended by itself, with exit code {code}") if code else SystemExit
