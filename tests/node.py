"""A whole node for tests: `octo-node run` in a pid namespace of its own, with stand-ins for server and database.

In a test: `with Node(tmp_path, sql, TASK_CAP="3") as node`, then `node.start()`, `node.wait_phase("up")`,
`node.verb("probe", "readiness")`, `node.terminate()`.
"""

import functools
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import IO, Any, Self

from processes import (
    BELOW_A_SHELL,
    NAMESPACE,
    OCTO_NODE,
    PATIENCE,
    ROOT,
    children,
    descendants,
    enter,
    free_port,
    is_listening,
    status,
    wait_until,
    whole_lines,
)
from standin.octopus.install import install
from standin.sqlserver.testing import SqlServer


# of the environment that tests run in: where programs are, and which ODBC driver is to be used
_KEPT = ("PATH", "ODBCSYSINI", "ODBCINI", "STANDIN_OCTOPUS_DRIVER")
MODES = ("process 1", "subreaper")
DATABASE = "OctopusDeploy"


class Node:
    """A node with folders of its own in `folder`.

    `sql` is its SQL Server (None: DB_CONNECTION_STRING is yours to give), `environ` what is set besides the
    usual; an empty value takes a variable away. `environment` may be changed between starts.
    """

    def __init__(self, folder: Path, sql: SqlServer | None = None, version: str = "2026.2.197", **environ: str) -> None:
        self.folder = folder
        self.run_dir = folder / "run"
        self.root = folder / "root"
        self.above: tuple[str, ...] = ()  # a command that is to run all of it, such as `setpriv --bounding-set=...`
        self.below = BELOW_A_SHELL  # a process 1 that runs what follows, where octo-node is a subreaper
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._log = folder / "log"
        self._journal = folder / "journal"
        self._termination = folder / "termination-log"
        self.root.mkdir(parents=True, exist_ok=True)
        self._termination.touch()
        install(folder / "Octopus", version=version)
        self.environment = self._usual(sql) | environ

    def _usual(self, sql: SqlServer | None) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        database = {} if sql is None else {"DB_CONNECTION_STRING": sql.connection_string(DATABASE)}
        return (
            kept
            | database
            | {
                "PYTHONPATH": str(ROOT),
                "ACCEPT_EULA": "Y",
                "DISABLE_DIND": "Y",
                "ADMIN_USERNAME": "admin",
                "ADMIN_PASSWORD": "S3cret-of-the-admin!",
                "ADMIN_API_KEY": "API-SECRETOFTHETEST",
                "OCTOPUS_SERVER_NODE_NAME": "octopus-0",
                "OCTO_NODE_SERVER_DIR": str(self.folder / "Octopus"),
                "OCTO_NODE_ROOT": str(self.root),
                "OCTO_NODE_RUN_DIR": str(self.run_dir),
                "OCTO_NODE_WEB_PORT": str(self.port),
                "OCTO_NODE_TERMINATION_LOG": str(self._termination),
                "STANDIN_OCTOPUS_ROOT": str(self.root),
                "STANDIN_OCTOPUS_JOURNAL": str(self._journal),
                "STANDIN_OCTOPUS_CONTROL": str(self.folder / "control"),
                # most upgrades here are about other things; those about the licence take this away
                "STANDIN_OCTOPUS_LICENSE_REQUIRED": "false",
            }
        )

    def start(self, mode: str = "process 1", program: tuple[str, ...] = OCTO_NODE, **streams: IO[bytes] | int) -> Self:
        """Start `octo-node run` as process 1 of a new namespace, or (`subreaper`) below another process 1.

        The log, emptied, gets its output, unless `streams` (stdin, stdout, stderr) say otherwise.
        """
        below = [] if mode == "process 1" else self.below
        self._depth = 1 if mode == "process 1" else 2
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*self.above, *NAMESPACE, *below, *program, "run"],
                env={name: value for name, value in self.environment.items() if value},
                cwd=ROOT,
                stdin=streams.get("stdin", subprocess.DEVNULL),
                stdout=streams.get("stdout", log),
                stderr=streams.get("stderr", log),
            )
        return self

    @property
    def pid(self) -> int:
        """The pid of `octo-node run`, as this namespace knows it."""
        assert self.process is not None, "not started"
        pid = self.process.pid
        for _ in range(self._depth):
            pid = wait_until(functools.partial(self._first_child, pid), what="octo-node is started")
        return pid

    def _first_child(self, pid: int) -> int | None:
        self._check_running()
        return next(iter(children(pid)), None)

    def _check_running(self) -> None:
        assert self.process is not None, "not started"
        code = self.process.poll()
        assert code is None, f"octo-node ended with {code}:\n{self.log}"

    def wait_listening(self) -> int:
        """Return its pid once its signals are blocked: the kernel drops what process 1 gets before that."""
        pid = self.pid

        def listens() -> bool:
            self._check_running()
            return is_listening(pid)

        wait_until(listens, what="signals are blocked")
        return pid

    def send(self, number: int = signal.SIGTERM) -> None:
        """Send it a signal, once it can take one."""
        os.kill(self.wait_listening(), number)

    def wait(self, seconds: float = PATIENCE) -> int:
        """Return its exit code."""
        assert self.process is not None, "not started"
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {seconds} s:\n{self.log}") from None

    def terminate(self, number: int = signal.SIGTERM, seconds: float = PATIENCE) -> int:
        """Send it a signal and return its exit code."""
        self.send(number)
        return self.wait(seconds)

    def close(self) -> None:
        """End everything in the namespace at once."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def __enter__(self) -> Self:
        """Be a context that ends what was started."""
        return self

    def __exit__(self, *_: object) -> None:
        """End what was started."""
        self.close()

    def verb(self, *words: str, seconds: float = PATIENCE, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a verb beside it, in its namespace, as kubelet does; return what came of it."""
        return subprocess.run(
            [*enter(self.pid), *OCTO_NODE, *words],
            env={name: value for name, value in (self.environment | environ).items() if value},
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def state(self, name: str = "node") -> dict[str, Any]:
        """Return a state file; empty if it isn't there."""
        try:
            found: dict[str, Any] = json.loads((self.run_dir / f"{name}.json").read_text())
        except FileNotFoundError:
            return {}
        return found

    @property
    def phase(self) -> str:
        """The phase that its state file tells; empty if there is none."""
        return str(self.state().get("phase", ""))

    def wait_phase(self, *phases: str, seconds: float = PATIENCE) -> str:
        """Return its phase once it is one of `phases`. Raise AssertionError if it ends before."""

        def there() -> bool:
            if self.phase in phases:
                return True
            self._check_running()
            return False

        try:
            wait_until(there, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; the phase is {self.phase!r}:\n{self.log}") from None
        return self.phase

    def wait_log(self, text: str, seconds: float = PATIENCE) -> str:
        """Return the log once it has `text` in it."""
        try:
            wait_until(lambda: text in self.log, seconds)
        except AssertionError:
            raise AssertionError(f"not in the log within {seconds} s: {text}\n{self.log}") from None
        return self.log

    @property
    def log(self) -> str:
        """What it wrote to stdout and stderr since the last start."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def termination(self) -> str:
        """The container's termination message."""
        return self._termination.read_text(errors="replace")

    def journal(self) -> list[dict[str, Any]]:
        """Return what the stand-in server wrote down of each command's start and end."""
        return [json.loads(line) for line in whole_lines(self._journal)]

    def forget_journal(self) -> None:
        """Begin a new journal."""
        self._journal.unlink(missing_ok=True)

    def control(self, **keys: object) -> None:
        """Have the stand-in server misbehave: see its README."""
        temporary = self.folder / ".control"
        temporary.write_text(json.dumps(keys))
        temporary.replace(self.folder / "control")

    def pids(self) -> list[int]:
        """Return every process of the node, as this namespace knows them; octo-node is the first."""
        return [self.pid, *descendants(self.pid)]

    def server(self) -> int:
        """Return the pid of Octopus.Server, as this namespace knows it. Raise AssertionError if it doesn't run."""
        inside = str((self.state().get("server") or {}).get("pid"))
        found = [pid for pid in children(self.pid) if status(pid).get("NSpid", "").split()[-1:] == [inside]]
        assert found, f"no server runs:\n{self.log}"
        return found[0]


def commands(node: Node) -> list[str]:
    """Return the configure commands that were begun, in order."""
    begun = [line["verb"] for line in node.journal() if line.get("event") == "start"]
    return [verb for verb in begun if verb not in {"version", "run"}]


def boot(node: Node) -> list[str]:
    """Start the node, wait until it is up, stop it; return the configure commands that it took."""
    node.forget_journal()
    node.start().wait_phase("up")
    found = commands(node)
    assert node.terminate() == 0, node.log
    return found
