"""Secrets that nothing else looks like, through a whole life: none is in anything that octo-node writes or leaves.

`tests/canaries.py` has them, and the forms in which they are looked for.
"""

import os
import signal
import stat
import subprocess
from collections.abc import Iterable
from pathlib import Path

import canaries
import pytest
from monitoring_site import get
from node import DATABASE, Node
from processes import OCTO_NODE, enter, free_port
from standin.sqlserver.testing import SqlServer
from tarballs import unpacked


SQL_PASSWORD = "canary-of-the-database;1"
FOREIGN = "canary of another user"
ALL = [*canaries.SECRETS.values(), SQL_PASSWORD, FOREIGN]
# what a person or a probe asks beside a node that is up; the archive has status, check and nodes
ASKED = (
    ("status",), ("probe", "readiness"), ("drain", "--wait", "5"), ("undrain",), ("server", "show-master-key"),
    ("server", "no-such-verb"),
)  # fmt: skip
LOG = "home/octopus/.octopus/OctopusServer/Server/Logs/OctopusServer.txt"
CORES = 'cd "$0" && umask 000 && ulimit -c unlimited && exec "$@"'


@pytest.fixture
def sql(tmp_path: Path) -> SqlServer:
    """Give a SQL Server whose login has a password that nothing else has."""
    return SqlServer(tmp_path / "sql", tls="off", login=f"octopus:{SQL_PASSWORD}")


class Life:
    """A node whose secrets are canaries, below an open umask, with core dumps; `seen` is all that came of it."""

    def __init__(self, folder: Path, sql: SqlServer, style: str, *, as_files: bool) -> None:
        database = f"Server=127.0.0.1,{sql.port};Database={DATABASE};User Id=octopus;Encrypt=False"
        given = canaries.SECRETS | {"DB_CONNECTION_STRING": f"{database};Password='{SQL_PASSWORD}'"}
        if as_files:
            (folder / "secrets").mkdir()
            for name, secret in given.items():
                (folder / "secrets" / name).write_text(secret)
            given = {f"{name}_FILE": str(folder / "secrets" / name) for name in given}
        self.http = free_port()
        self.seen: dict[str, bytes] = {}
        self.node = Node(folder / "node", None, OCTO_NODE_LOG_FORMAT=style, OCTO_NODE_HTTP=f"127.0.0.1:{self.http}")
        for name in canaries.SECRETS:
            self.node.environment.pop(name, None)
        self.node.environment |= given
        (folder / "cores").mkdir()
        self.cores = folder / "cores"
        self.node.above = ("sh", "-c", CORES, str(self.cores))

    def note(self, moment: str) -> None:
        """Keep what is written so far: log, termination message, run folder, notes."""
        self.seen |= {f"{moment}: log": self.node.log.encode(), f"{moment}: end": self.node.termination.encode()}
        for path in self.own_files():
            self.seen[f"{moment}: {path.name}"] = path.read_bytes()

    def own_files(self) -> list[Path]:
        """Return the files that octo-node made."""
        return [*self.node.run_dir.rglob("*"), *self.node.root.rglob("octo-node.json")]

    def ask(self) -> None:
        """Ask everything that can be asked, and keep the answers."""
        for words in ASKED:
            done = self.node.verb(*words)
            self.seen[" ".join(words)] = (done.stdout + done.stderr).encode()
        for path in ("/metrics", "/livez", "/readyz", "/"):
            self.seen[path] = get(self.http, path)[1].encode()

    def diagnose(self) -> None:
        """Have an archive made, and keep each file of it."""
        node, archive = self.node, self.node.folder / "archive"
        command = [*enter(node.pid), "sh", "-c", 'umask 000; exec "$@"', "sh", *OCTO_NODE, "diagnose"]
        subprocess.run(
            [*command, "--output", archive], env=node.environment, capture_output=True, timeout=120, check=True
        )
        assert stat.S_IMODE(archive.stat().st_mode) == 0o600
        self.seen |= {f"diagnose: {name}": text.encode() for name, text in unpacked(archive.read_bytes()).items()}

    def lives_on(self) -> None:
        """Keep environment and command line of every process."""
        for pid in self.node.pids():
            for name in ("environ", "cmdline"):
                self.seen[f"{name} of {pid}"] = Path(f"/proc/{pid}/{name}").read_bytes()

    def leaks(self) -> dict[str, list[str]]:
        """Return which secrets are in what came of it."""
        return {name: leaked for name, content in self.seen.items() if (leaked := canaries.found(content, ALL))}


def modes(paths: Iterable[Path]) -> set[tuple[bool, int]]:
    """Return the modes of files and folders, and which of the two each is."""
    return {(path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in paths}


def put_links(node: Node) -> None:
    """Put a link, and a second name of a file, among the server's logs: neither is to be followed."""
    victim = node.folder / "victim"
    victim.write_text(FOREIGN)
    log = node.root / LOG
    log.with_name("OctopusServer.1.txt").symlink_to(victim)
    log.with_name("OctopusServer.2.txt").hardlink_to(victim)


def crash_helpers(node: Node) -> None:
    """Send SEGV to each process of octo-node's but the first; those that the node needs are started again."""
    server = node.server()
    for pid in node.pids()[1:]:
        if pid != server:
            os.kill(pid, signal.SIGSEGV)


@pytest.mark.parametrize(("style", "as_files"), [("console", False), ("json", True)])
def test_no_secret_is_told(tmp_path: Path, sql: SqlServer, style: str, *, as_files: bool) -> None:
    """A start that fails, one that goes well, all that is asked, crashes, and an end: no secret in any of it.

    Octopus.Server prints all of them in every form, when a command fails and in its log.
    """
    printed = "\n".join(canaries.lines_of(ALL[:-1]))
    with sql.launch():
        life = Life(tmp_path, sql, style, as_files=as_files)
        with life.node as node:
            node.environment["OCTO_NODE_WRAP_SERVER_LOG"] = "Y"
            node.control(fail={"configure": {"code": 1, "text": printed, "times": 1}})
            assert node.start().wait() == 16
            life.note("failed")
            assert "JSON: " in node.log

            node.start().wait_phase("up")
            life.lives_on()
            life.ask()
            with (node.root / LOG).open("a") as log:
                log.write(printed[-1500:] + "\n" if style == "json" else printed + "\n")
            put_links(node)
            life.diagnose()
            assert modes(life.own_files()) == {(False, 0o600)}
            assert modes([node.run_dir]) == {(True, 0o700)}
            crash_helpers(node)
            os.kill(node.server(), signal.SIGKILL)
            assert node.wait() == 137
            life.note("ended")
    assert not life.leaks()
    assert not list(life.cores.iterdir())


def test_no_core_of_a_start(tmp_path: Path, sql: SqlServer) -> None:
    """What waits for SQL Server has the secrets in its memory, and leaves no core dump when it crashes."""
    sql.port = free_port()  # nobody listens there
    life = Life(tmp_path, sql, "console", as_files=False)
    with life.node as node:
        node.start().wait_phase("preparing")
        node.wait_log("SQL Server")
        for pid in node.pids()[1:]:
            os.kill(pid, signal.SIGSEGV)
        assert node.wait() == 139, node.log
        life.note("ended")
    assert not life.leaks()
    assert not list(life.cores.iterdir())
