"""What the demo starts: the node, where this machine lets it run, and the stand-in SQL Server."""

import base64
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processes import ROOT, children, free_port, wait_until
from standin.octopus.install import install

from entrypoint.base import prctl


OCTO_NODE = Path(sys.executable).with_name("octo-node")
STARTUP = 0.4  # seconds that each command of the stand-in server takes to start; the real one takes more
NAME = "demo-0"
SQL_PASSWORD, ADMIN_PASSWORD, API_KEY = "Passw0rd!", "Adm1n-of-the-demo", "API-DEMODEMODEMO"
MASTER_KEY = base64.b64encode(b"a demo's own key").decode()
LICENCE = base64.b64encode(b"<License><LicensedTo>Demo</LicensedTo></License>").decode()
SECRETS = (SQL_PASSWORD, ADMIN_PASSWORD, API_KEY, MASTER_KEY, LICENCE)


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
        "It is process 1 of a new pid namespace, in a user namespace of its own.",
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
        """Stop the node as `docker stop` does, if it still runs; return its exit code."""
        if self.node is None:
            raise StepError("the node isn't started")
        if self.node.poll() is None:
            os.kill(self.pid(), signal.SIGTERM)
        return self.node.wait(60)

    def left(self) -> list[int]:
        """Return what is left of the node's session."""
        found = [int(entry) for entry in os.listdir("/proc") if entry.isdecimal()]
        return [pid for pid in found if self.node is not None and _session(pid) == self.node.pid]

    def close(self) -> None:
        """End whatever still runs, the node in order."""
        try:
            if self.node is not None:
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
