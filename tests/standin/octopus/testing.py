"""The stand-in for tests of it alone: a node of which each command is carried out by hand."""

import base64
import json
import os
import signal
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from processes import free_port, wait_until

from .install import install


KEY = base64.b64encode(b"0123456789abcdef").decode()
API_KEY = "API-STANDIN"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Leaves a redirect to who asked."""

    def redirect_request(self, *_: object) -> None:
        """Follow none."""


_OPENER = urllib.request.build_opener(_NoRedirect)


class Node:
    """A node on this machine: a root folder of its own, and a database that it may share."""

    def __init__(self, folder: Path, name: str, connection_string: str, version: str = "2026.2.197") -> None:
        self.name = name
        self.server = install(folder / f"server-{version}", version)
        self.connection_string = connection_string
        self.control = folder / "control.json"
        self.journal = folder / "journal.jsonl"
        self.port = free_port()
        self.environment = os.environ | {
            "STANDIN_OCTOPUS_ROOT": str(folder / "root"),
            "STANDIN_OCTOPUS_CONTROL": str(self.control),
            "STANDIN_OCTOPUS_JOURNAL": str(self.journal),
            "STANDIN_OCTOPUS_STARTUP": "0",
            "STANDIN_OCTOPUS_HEARTBEAT": "0.3",
            "STANDIN_OCTOPUS_POLL": "0.1",
            "STANDIN_OCTOPUS_MIGRATION": "0.1",
            "STANDIN_OCTOPUS_LICENSE_REQUIRED": "false",
        }
        self.process: subprocess.Popen[str] | None = None

    def switch(self, **switches: object) -> None:
        """Set switches of the stand-in for what is started from now on."""
        texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in switches.items()}
        self.environment |= {f"STANDIN_OCTOPUS_{name.upper()}": text for name, text in texts.items()}

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Carry out one command."""
        return subprocess.run(
            [self.server, *words],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def succeed(self, *words: str) -> str:
        """Carry out a command that must succeed."""
        done = self.command(*words)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    def refuse(self, *words: str) -> str:
        """Carry out a command that must fail in a controlled way."""
        done = self.command(*words)
        assert done.returncode == 1, (words, done.returncode, done.stdout, done.stderr)
        assert "Terminating process" not in done.stderr
        return done.stdout + done.stderr

    def register(self) -> None:
        """Create the instance."""
        self.succeed("create-instance", "--instance", "OctopusServer", f"--serverNodeName={self.name}")

    def configure(self, *words: str) -> None:
        """Bring the node to where it can run."""
        self.register()
        self.succeed("database", f"--connectionString={self.connection_string}", f"--masterKey={KEY}", *words)
        self.succeed("configure", f"--webListenPrefixes=http://*:{self.port}/", "--commsListenPort=0")
        self.succeed("admin", "--username=admin", "--password=Passw0rd123", f"--apiKey={API_KEY}")

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        command = [str(self.server), "run", "--instance=OctopusServer", "--noninteractive"]
        self.process = subprocess.Popen(
            command, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, text=True
        )
        wait_until(lambda: self.ping() != 0)

    def stop(self, signum: signal.Signals = signal.SIGTERM) -> int:
        """Stop the server and return its exit code."""
        assert self.process is not None
        self.process.send_signal(signum)
        return self.process.wait(10)

    def ask(self, method: str, path: str, body: object = None, key: str = API_KEY) -> tuple[int, object]:
        """Ask the HTTP API; 0 if nothing listens."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            headers={"X-Octopus-ApiKey": key} if key else {},
            data=None if body is None else json.dumps(body).encode(),
        )
        try:
            with _OPENER.open(request, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)
        except OSError:
            return 0, None

    def field(self, path: str, name: str) -> object:
        """One field of an answer."""
        _, payload = self.ask("GET", path)
        assert isinstance(payload, dict)
        return payload[name]

    def ping(self) -> int:
        """The ping's status."""
        return self.ask("GET", "/api/octopusservernodes/ping", key="")[0]

    def task(self, **arguments: object) -> str:
        """Queue a task and wait until it runs."""
        status, task = self.ask(
            "POST", "/api/tasks", {"Name": "Deploy", "Description": "Deploy web", "Arguments": arguments}
        )
        assert status == 201
        assert isinstance(task, dict)
        wait_until(lambda: self.state(task["Id"]) != "Queued")
        return str(task["Id"])

    def state(self, task: str) -> object:
        """The state of a task."""
        return self.field(f"/api/tasks/{task}", "State")
