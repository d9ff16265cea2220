"""The life of a node, in steps: boot, unchanged restart, new pod, drain, stop, upgrade, going back.

`Life(folder, sql, version, ...)` does them one after the other on one database; each step says what it found by
raising AssertionError, with the step's name in a note.
"""

import base64
import functools
import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Self

import pyodbc
from node import DATABASE, Node
from processes import ROOT, wait_until
from standin.octopus import about, integrity, migrations, tasks, users
from standin.sqlserver.testing import SqlServer


LICENCE = base64.b64encode(b"<License><LicensedTo>Tests</LicensedTo></License>").decode()
NEXT = dict(zip(about.AGES.values(), [*list(about.AGES.values())[1:], "2026.3.1"], strict=True))
LOOKS_FOR_NODES_SINCE = "2023.2.9755"
FAST = {"POLL": "0.2", "HEARTBEAT": "1", "STARTUP": "0", "MIGRATION": "0.1"}
CACHE = "Octopus.Node.Cache"
PATIENCE = 240.0  # seconds for what takes seconds: others may be at work on the machine


class Life:
    """A node's life on a database of its own: `row` sets switches of the stand-in, `answers` what HTTP answers."""

    def __init__(
        self,
        folder: Path,
        sql: SqlServer,
        version: str,
        row: Mapping[str, object] | None = None,
        answers: Sequence[Mapping[str, object]] = (),
        licence: str = "",
    ) -> None:
        self._folder = folder
        self._sql = sql
        self._row = dict(row or {})
        self._answers = answers
        self._licence = licence
        self._stack = ExitStack()
        self.version = version
        self._key = ""
        self._made = 0
        self.node = self._pod(version)

    def __enter__(self) -> Self:
        """Be a context that ends what was started."""
        return self

    def __exit__(self, *_: object) -> None:
        """End what was started."""
        self._stack.close()

    def live(self) -> None:
        """Go through all of it, from the first boot to an upgrade."""
        for step in (self.boot, self.restart, self.new_pod, self.drain, self.stop, self.upgrade):
            step()

    def _pod(self, version: str, name: str = "octopus-0") -> Node:
        """Return a new container of a node, not yet started."""
        self._made += 1
        switches = {key.upper(): _text(value) for key, value in self._row.items()}
        switches |= {"ANSWERS": json.dumps(self._answers)} if self._answers else {}
        environ = {f"STANDIN_OCTOPUS_{key}": value for key, value in (FAST | switches).items()}
        environ |= {"OCTOPUS_SERVER_NODE_NAME": name, "MASTER_KEY": self._key}
        environ |= {"OCTOPUS_SERVER_BASE64_LICENSE": self._licence, "OCTO_NODE_STOP_TIMEOUT": str(int(PATIENCE))}
        return self._stack.enter_context(Node(self._folder / f"pod-{self._made}", self._sql, version, **environ))

    def switched(self, name: str) -> object:
        """Return the value of a switch as the row has it, None where the version decides."""
        return self._row.get(name)

    @contextmanager
    def _database(self) -> Iterator[pyodbc.Connection]:
        with closing(self._sql.connect(database=DATABASE)) as connection:
            yield connection

    def boot(self) -> None:
        """A new database: every command succeeds, the node is up, and the administrator can log in."""
        with step("boot"):
            up(self.node)
            failed = [line for line in self.node.journal() if line.get("exit") and line["verb"] != "license"]
            assert not failed, self.node.log
            with self._database() as connection:
                assert users.can_log_in(connection)
            self._key = shown_key(self.node)
            assert len(base64.b64decode(self._key)) in {16, 32}
            self._check(migrations_made=1)

    def restart(self) -> None:
        """The same container again, while a task ran: no command but `run`, and nothing runs that isn't there."""
        with step("unchanged restart"):
            left = self._task(60)
            self._terminate()
            self.node.forget_journal()
            up(self.node)
            assert begun(self.node) == ["run"], self.node.log
            assert self._state(left) == tasks.CANCELED
            self._check(migrations_made=1)

    def new_pod(self) -> None:
        """A new container of the same node: it has its own cache folder, the administrator is left alone."""
        with step("new pod"):
            self._terminate()
            self.node = self._pod(self.version)
            up(self.node)
            assert not [line for line in self.node.journal() if line.get("exit")], self.node.log
            assert ("admin" in begun(self.node)) is (self.switched("schema") == "bare")
            assert configuration(self.node)[CACHE] == str(self.node.root / "cache")
            self._check(migrations_made=1)

    def drain(self) -> None:
        """A task whose step waits for a person is waited for; the node is undrained at once."""
        with step("drain"):
            running = self._task(2, Interruption="child-step")
            done = self.node.verb("drain", "--wait", str(PATIENCE), seconds=PATIENCE)
            assert done.returncode == 0, done.stderr
            assert self._state(running) == tasks.SUCCESS
            done = self.node.verb("undrain", "--wait", str(PATIENCE), seconds=PATIENCE)
            assert done.returncode == 0, done.stderr

    def stop(self) -> None:
        """With OCTO_NODE_DRAIN_ON_STOP the task that runs is waited for; the exit code is the server's own."""
        with step("stop"):
            self._terminate()
            self.node.environment["OCTO_NODE_DRAIN_ON_STOP"] = str(int(PATIENCE))
            up(self.node)
            running = self._task(2, Interruption="child-step")
            self._terminate()
            assert self._state(running) == tasks.SUCCESS

    def upgrade(self) -> None:
        """A newer release waits until the older node has stopped, where that can be known, then migrates once."""
        with step("upgrade"):
            newer = NEXT[self.version]
            self._licence = self._licence or LICENCE
            self.node.environment |= {"OCTO_NODE_DRAIN_ON_STOP": "", "OCTOPUS_SERVER_NODE_NAME": "octopus-old"}
            up(self.node)
            new = self._pod(newer)
            if self._is_seen(newer):
                told = "octopus-old" if self.switched("schema") != "bare" else "other nodes"
                new.start().wait_log(told, seconds=PATIENCE)
                assert self._made_migrations == 1
            self._terminate()
            if new.process is None:
                new.start()
            new.wait_phase("up", seconds=PATIENCE)
            self.node, self.version = new, newer
            self._check(migrations_made=2)

    def go_back(self, build: str) -> None:
        """An earlier build of the same release waits until the node has stopped, then runs, and says from where."""
        with step("going back"):
            back = self._pod(build, "octopus-1")
            back.start().wait_log("octopus-0", seconds=PATIENCE)
            assert not {"database", "run"} & set(begun(back))
            self._terminate()
            back.wait_phase("up", seconds=PATIENCE)
            assert self.version in back.log
            self.node = back
            self._check(migrations_made=1)

    def _is_seen(self, newer: str) -> bool:
        """Whether anybody can know that the older node still runs."""
        return self.switched("schema") != "bare" or about.ordered(newer) >= about.ordered(LOOKS_FOR_NODES_SINCE)

    def _terminate(self) -> None:
        """Stop the node; its exit code is the server's own."""
        assert self.node.terminate(seconds=PATIENCE) == int(str(self._row.get("term_exit", 0))), self.node.log

    def _task(self, seconds: float, **arguments: object) -> str:
        """Queue a task in the database, whatever HTTP says, wait until it runs, return its Id."""
        body = {"Name": "Deploy", "Description": "Deploy web 1.4", "Arguments": {"Seconds": seconds, **arguments}}
        with self._database() as connection:
            found = tasks.queue(connection, body, "Spaces-1")
        wait_until(functools.partial(self._runs, found), PATIENCE, what="the task runs")
        return found

    def _runs(self, task_id: str) -> bool:
        return self._state(task_id) == tasks.EXECUTING

    def _state(self, task_id: str) -> str:
        with self._database() as connection:
            found = tasks.find(connection, task_id)
        return "" if found is None else found.state

    def _whole(self) -> list[str]:
        with self._database() as connection:
            return integrity(connection)

    @property
    def _made_migrations(self) -> int:
        with self._database() as connection:
            return migrations(connection)

    def _check(self, migrations_made: int) -> None:
        assert self._whole() == []
        assert self._made_migrations == migrations_made


@contextmanager
def step(name: str) -> Iterator[None]:
    """Name the step in whatever goes wrong in it."""
    try:
        yield
    except AssertionError as error:
        error.add_note(f"in the step: {name}")
        raise


def up(node: Node) -> None:
    """Start a node, and wait until it is up."""
    node.start().wait_phase("up", seconds=PATIENCE)


def begun(node: Node) -> list[str]:
    """Return the verbs that were begun, without those that only ask."""
    return [line["verb"] for line in node.journal() if line["event"] == "start" and line["verb"] != "version"]


def shown_key(node: Node) -> str:
    """Return the master key as the server in the container shows it."""
    command = [str(node.folder / "Octopus" / "Octopus.Server"), "show-master-key"]
    environ = {name: value for name, value in node.environment.items() if value and not name.endswith("JOURNAL")}
    done = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.split()[-1]


def configuration(node: Node) -> dict[str, str]:
    """Return the settings in the configuration file of the node's instance, secrets as they are in it."""
    command = [str(node.folder / "Octopus" / "Octopus.Server"), "show-configuration", "--format=json"]
    environ = {name: value for name, value in node.environment.items() if value and not name.endswith("JOURNAL")}
    done = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
