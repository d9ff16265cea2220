"""What runs in containers: a node, and its SQL Server."""

import itertools
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

from container.engine import ask, docker
from processes import slowness, wait_until


PASSWORD = "Passw0rd!"
DATABASE = "OctopusDeploy"
API_KEY = "API-SECRETOFTHETEST"
RUNTIME = Path(__file__).with_name("runc_modest")
JOURNAL = "/diagnostics/journal"
_CAP_SYS_RESOURCE = 1 << 24
_serial = itertools.count(1)
# makes 200 orphans, waits until they have ended, and counts the dead that nobody took away
ORPHANS = """
import os, pathlib, time
for _ in range(200):
    if os.fork() == 0:
        if os.fork() == 0:
            time.sleep(0.2)
        os._exit(0)
    os.wait()
time.sleep(2)
states = [path.read_text().rpartition(")")[2].split()[0] for path in pathlib.Path("/proc").glob("[0-9]*/stat")]
print(len(states), "processes,", states.count("Z"), "zombies")
"""
# a task's command: runs until the test ends it
HELD = ["sh", "-c", "until test -e /artifacts/go; do sleep 0.1; done"]
# asks the API from inside the container: the network is private
ASK = """
import json, sys, urllib.request
path, body, key = sys.argv[1:]
headers = {"X-Octopus-ApiKey": key, "Content-Type": "application/json"}
request = urllib.request.Request("http://127.0.0.1:8080" + path, body.encode() or None, headers)
print(urllib.request.urlopen(request, timeout=10).read().decode())
"""


def unique(what: str) -> str:
    """Return a name that no other test has, in this run or another one beside it."""
    return f"octo-test-{os.getpid()}-{what}-{next(_serial)}"


def nested() -> tuple[list[str], dict[str, str]]:
    """Return the options and the variables of a node with Docker-in-Docker."""
    options, environ = ["--privileged", "--volume=/var/lib/docker"], {"DISABLE_DIND": ""}
    if lacks_resource():
        options += [f"--volume={RUNTIME}:/usr/local/bin/modest:ro"]
        environ["OCTO_NODE_DOCKERD_ARGS"] = "--add-runtime=modest=/usr/local/bin/modest --default-runtime=modest"
    return options, environ


def lacks_resource() -> bool:
    """Return whether root of this machine lacks a capability that runc wants to give to containers."""
    status = Path("/proc/self/status").read_text()
    bounds = next(line.split()[1] for line in status.splitlines() if line.startswith("CapBnd"))
    return not int(bounds, 16) & _CAP_SYS_RESOURCE


class Sql:
    """The stand-in SQL Server, `db` on its network."""

    def __init__(self, image: str, network: str) -> None:
        self.name = unique("db")
        docker("run", "--detach", "--name", self.name, "--network", network, "--network-alias", "db", image)
        wait_until(lambda: self._sqlcmd("SELECT 1", check=False).returncode == 0, what="SQL Server takes logins")

    def _sqlcmd(self, statement: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        tool = ["/opt/mssql-tools18/bin/sqlcmd", "-U", "sa", "-P", PASSWORD]
        return docker("exec", self.name, *tool, "-Q", statement, check=check)

    def query(self, table: str, columns: str) -> list[str]:
        """Return columns of a table of Octopus's, a line each."""
        statement = f"SELECT {columns} FROM {DATABASE}.dbo.{table}"  # noqa: S608 - a test's own words
        return self._sqlcmd(statement).stdout.splitlines()

    def close(self) -> None:
        """Take it away."""
        docker("rm", "--force", "--volumes", self.name)


class Node:
    """A container of `image` on `network`; `environ` is what is set besides the usual, an empty value takes it away."""

    program = "octo-node"

    def __init__(self, image: str, network: str, options: Sequence[str] = (), **environ: str) -> None:
        self.image = image
        self.name = unique("node")
        self.options = ["--name", self.name, "--hostname", "octopus-0", "--network", network, *options]
        self.environ = self.usual() | environ

    @staticmethod
    def usual() -> dict[str, str]:
        """Return the variables of a node that comes up."""
        return {
            "ACCEPT_EULA": "Y",
            "DISABLE_DIND": "Y",
            "DB_CONNECTION_STRING": f"Server=db,1433;Database={DATABASE};User Id=sa;Password={PASSWORD};Encrypt=False",
            "ADMIN_USERNAME": "admin",
            "ADMIN_PASSWORD": "S3cret-of-the-admin!",
            "ADMIN_API_KEY": API_KEY,
            "STANDIN_OCTOPUS_JOURNAL": JOURNAL,
            "STANDIN_OCTOPUS_POLL": "0.2",
        }

    def start(self, *command: str) -> Self:
        """Start it in the background."""
        docker("run", "--detach", *self.options, *_variables(self.environ), self.image, *command)
        return self

    def run(self, *command: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return docker(
            "run", *self.options, *_variables(self.environ), self.image, *command, check=False, seconds=seconds
        )

    def __enter__(self) -> Self:
        """Be a context that takes the container away."""
        return self

    def __exit__(self, *_: object) -> None:
        """Take it away, with the volumes that nobody named."""
        docker("rm", "--force", "--volumes", self.name, check=False)

    def inspect(self, template: str) -> str:
        """Return what the engine says of it."""
        return ask("inspect", "--format", template, self.name)

    @property
    def log(self) -> str:
        """What it wrote, since it was made."""
        return docker("logs", self.name, check=False).stdout

    def verb(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a verb in it, as a person does."""
        return docker("exec", self.name, self.program, *words, check=False)

    def execute(self, *command: str) -> str:
        """Run any command in it and return its output."""
        return docker("exec", self.name, *command).stdout

    def wait_up(self, seconds: float = 60) -> Self:
        """Wait until it says that it is up. Raise AssertionError if it ends before."""

        def is_up() -> bool:
            assert self.inspect("{{.State.Running}}") == "true", f"the node ended:\n{self.log}"
            return self.phase == "up"

        try:
            wait_until(is_up, seconds, "the node is up")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log}") from None
        return self

    @property
    def phase(self) -> str:
        """The phase that its state file tells; empty if nobody lives there."""
        done = self.verb("status", "--json")
        return str(json.loads(done.stdout)["node"]["phase"]) if done.returncode == 0 else ""

    def stop(self, seconds: int = 60) -> int:
        """Stop it with that much patience, more on a slow machine, and return its exit code."""
        docker("stop", "--time", f"{seconds * slowness():.0f}", self.name)
        return int(self.inspect("{{.State.ExitCode}}"))

    def stop_draining(self) -> int:
        """Stop it while its task HELD runs, end the task when the drain has counted it, and return its exit code."""
        with ThreadPoolExecutor(1) as pool:
            code = pool.submit(self.stop, 90)
            wait_until(lambda: "1 task running" in self.log or code.done(), what="the drain counts the task")
            self.execute("touch", "/artifacts/go")
            return code.result()

    def commands(self) -> list[str]:
        """Return the configure commands that were begun since it was made, in order."""
        lines = [json.loads(line) for line in self.execute("cat", JOURNAL).splitlines()]
        begun = [line["verb"] for line in lines if line["event"] == "start"]
        return [verb for verb in begun if verb not in {"version", "run"}]

    def api(self, path: str, body: Mapping[str, object] | None = None) -> Any:  # noqa: ANN401 - JSON
        """Return the server's answer to a question, or to what is posted."""
        text = "" if body is None else json.dumps(body)
        return json.loads(self.execute("python3", "-c", ASK, path, text, API_KEY))

    def task(self, state: str = "Executing", **arguments: object) -> str:
        """Queue a task, wait until it is in `state`, return its id."""
        body = {"Name": "Deploy", "Description": "Deploy web 1.4 to Production", "Arguments": arguments}
        found = str(self.api("/api/tasks", body)["Id"])
        wait_until(lambda: self.api(f"/api/tasks/{found}")["State"] == state, what=f"the task is {state}")
        return found


class VolumeNode(Node):
    """A container of the makers' image as it is, with octo-node in `volume`."""

    program = "/opt/octo-node/bin/octo-node"

    def __init__(self, image: str, network: str, volume: str, options: Sequence[str] = (), **environ: str) -> None:
        mount = (f"--volume={volume}:/opt/octo-node:ro", f"--entrypoint={self.program}")
        super().__init__(image, network, (*mount, *options), **environ)

    def start(self, *command: str) -> Self:
        """Start it in the background."""
        return super().start(*(command or ("run",)))


def _variables(environ: Mapping[str, str]) -> list[str]:
    return [f"--env={name}={value}" for name, value in environ.items() if value]
