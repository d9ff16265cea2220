"""One node with its SQL Server, and what is needed to take either of them apart."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

import odbcini
import psutil
import pyodbc
import pytest
from node import DATABASE, Node
from processes import ROOT, arguments, children, free_port, status, wait_until
from standin.sqlserver.testing import PASSWORD, SqlServer


GATED = (sys.executable, str(ROOT / "tests" / "faults" / "programs" / "gated.py"))
KEY = "6EdU6IWsCtMEwk0kPKflQQ=="
LICENCE = "PExpY2Vuc2U+PExpY2Vuc2VkVG8+VGVzdHM8L0xpY2Vuc2VkVG8+PC9MaWNlbnNlPg=="
SECRETS = ("S3cret-of-the-admin!", "API-SECRETOFTHETEST", PASSWORD, KEY, LICENCE)
# a process 1 that stays, and says who is left once octo-node has ended: only with words that the shell has itself
BELOW_A_WITNESS = """
"$@"
code=$?
for file in /proc/[0-9]*/stat; do
    read -r line <$file && echo "$line"
done 2>/dev/null >"$FAULTS_LEFT"
exit $code
"""
# what runs before the server's launcher goes on
_LAUNCHES = "from standin.octopus import program, verbs\n"
_BEFORE = "import os, signal, subprocess, sys, time\nif sys.argv[1:2] == [{verb!r}]:\n{code}\n"
_WAIT = "open({reached!r}, 'w').close()\nwhile not os.path.exists({gate!r}): time.sleep(0.02)"


class Watched(Node):
    """A node of which also counts as said what stands in its run folder alone, where `is_mute`."""

    is_mute = False

    @property
    def log(self) -> str:
        """What it said since the last start."""
        kept = self.run_dir / "log"
        return kept.read_text(errors="replace") if self.is_mute and kept.exists() else super().log


class Rig:
    """A node in `folder` and its SQL Server, with what `environ` sets; `driver` is the one of both (None: any).

    Attributes: the `node` and the `sql` server; the node's `mode`, and the `program`, `streams` and control group for
    `pids` that it is started with; the `phase`, and the `verb` of the server that it is, if any; `kept`, what somebody
    else holds meanwhile; the `gate` that opens what is held; `left`, who is left by a subreaper; `is_garbled`, whether
    garbage was put into its state files; `was_killed`, whether all of it was, which may leave new files, under names of
    their own.
    """

    def __init__(self, folder: Path, mode: str, driver: str | None, environ: Mapping[str, str]) -> None:
        self.folder = folder
        self.mode = mode
        self.kept = ExitStack()
        self.unmounted = ExitStack()
        self.gate = folder / "gate"
        self.left = folder / "left"
        self.program: tuple[str, ...] = GATED
        self.streams: dict[str, int] = {}
        self.was_killed = self.is_garbled = False
        self.pids = folder  # of its control group, if it has one
        self.phase = self.verb = ""
        self._codes: list[str] = []
        self.sql = SqlServer.start(folder / "sql", tls="on" if driver else "off")
        self.node = Watched(folder / "node", self.sql, **self._usual(driver) | dict(environ))
        self.node.below = ["sh", "-c", BELOW_A_WITNESS, "sh"]

    def _usual(self, driver: str | None) -> dict[str, str]:
        found = {
            "MASTER_KEY": KEY,
            "OCTOPUS_SERVER_BASE64_LICENSE": LICENCE,
            "TASK_CAP": "3",
            "STANDIN_OCTOPUS_POLL": "0.2",
            "STANDIN_OCTOPUS_HEARTBEAT": "1",
            "FAULTS_LEFT": str(self.left),
            "FAULTS_GATE_FILE": str(self.gate),
            "OCTO_NODE_STOP_TIMEOUT": "150",
        }
        if driver:
            # the server isn't what is tried: Microsoft's driver never comes back from a handshake that nobody answers
            found |= odbcini.environment(self.folder, [driver])
            found["STANDIN_OCTOPUS_DRIVER"] = odbcini.libraries()[odbcini.FREETDS]
            found["DB_CONNECTION_STRING"] = f"{self.sql.connection_string(DATABASE)};Connect Timeout=2"
        return found

    def __enter__(self) -> Self:
        """Be a context that ends what was started."""
        return self

    def __exit__(self, *_: object) -> None:
        """End what was started."""
        if self.sql.process is not None:
            self.sql.process.send_signal(signal.SIGCONT)
        self.kept.close()
        self.node.close()
        self.sql.kill()
        self.unmounted.close()

    def start(self) -> None:
        """Start the node."""
        path = self.node.folder / "Octopus" / "Octopus.Server"
        path.write_text(path.read_text().replace(_LAUNCHES, "".join([*self._codes, _LAUNCHES])))
        self._codes.clear()
        self.node.start(self.mode, self.program, **self.streams)

    @property
    def is_over(self) -> bool:
        """Whether the node has ended."""
        return self.node.process is not None and self.node.process.poll() is not None

    # --- the node's processes

    def child(self, role: str) -> int:
        """Return the pid of the child that is a helper of the node, such as `prepare`, once it is there."""
        return wait_until(lambda: self._child(role), what=f"{role} runs")

    def _child(self, role: str) -> int | None:
        return next((pid for pid in children(self.node.pid) if role in arguments(pid)[2:3]), None)

    def named(self, name: str) -> int:
        """Return the pid of the node's process that the kernel knows by `name`, once it is there."""
        return wait_until(lambda: self._named(name), what=f"{name} runs")

    def _named(self, name: str) -> int | None:
        found = psutil.Process(self.node.pid).children(recursive=True)
        return next((process.pid for process in found if status(process.pid).get("Name") == name), None)

    def kill(self, pid: int) -> None:
        """Send KILL to a process, and wait until it is gone."""
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: status(pid).get("State", "Z")[0] == "Z", what="it is gone")

    # --- the server's commands

    def before(self, verb: str, code: str) -> None:
        """Have the server run Python `code` before it does `verb`."""
        self._codes.append(_BEFORE.format(verb=verb, code=textwrap.indent(code, "    ")))

    def hold(self, verb: str) -> None:
        """Have the server wait in `verb` until the gate is opened, and then do what else it is to do before it."""
        code = _WAIT.format(reached=str(self.gate.with_suffix(".reached")), gate=str(self.gate))
        self._codes.insert(0, _BEFORE.format(verb=verb, code=textwrap.indent(code, "    ")))

    def wait_reached(self) -> None:
        """Wait until somebody waits at the gate."""
        self.node.wait_listening()
        wait_until(self.gate.with_suffix(".reached").exists, what="somebody waits at the gate")

    # --- SQL Server

    def another(self) -> pyodbc.Connection:
        """Return a connection to SQL Server that is somebody else's."""
        connection = self.sql.connect()
        self.kept.callback(_close, connection)
        return connection

    def is_whole(self, look: Callable[[pyodbc.Connection], list[str]]) -> list[str]:
        """Return what `look` finds in the node's database; nothing where there is none."""
        try:
            connection = self.sql.connect(database=DATABASE)
        except pyodbc.Error:
            return []
        try:
            return look(connection)
        finally:
            connection.close()

    def serve_http(self) -> None:
        """Have the node serve metrics and health endpoints."""
        self.node.environment["OCTO_NODE_HTTP"] = f"127.0.0.1:{free_port()}"

    def last(self, seconds: float) -> None:
        """Let a fault last for some time, in which the node must live on, unless it is stopping anyway."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.is_over and self.phase == "stopping":
                return
            assert not self.is_over, self.node.log
            time.sleep(0.1)

    def mount(self, folder: Path, options: str) -> None:
        """Mount a file system in memory, which is also the node's. Skip the test where that isn't allowed."""
        if os.getuid() != 0:
            pytest.skip("only root can mount a file system")
        folder.mkdir(parents=True, exist_ok=True)
        mount("-t", "tmpfs", "-o", options, "faults", str(folder))
        self.unmounted.callback(mount, "--lazy", str(folder), program="umount")


def mount(*words: str, program: str = "mount") -> None:
    """Have a file system mounted, or with `umount` taken away."""
    subprocess.run([program, *words], check=True, timeout=60)


def _close(connection: pyodbc.Connection) -> None:
    with suppress(pyodbc.Error):  # SQL Server may be gone, which is what was wanted
        connection.close()
