"""A liveness probe tells a server that hangs from one whose database is away: only the first is helped by a restart."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from processes import ROOT, free_port, resolved
from standin.sqlserver.testing import SqlServer

from entrypoint.base import sql_ping


PROBE = (sys.executable, "-I", "-S", str(ROOT / "entrypoint" / "probe.py"))
SECONDS = 20.0  # more than an answer takes on a machine under load


@pytest.fixture(scope="module")
def sql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlServer]:
    """Give a SQL Server."""
    with SqlServer.start(tmp_path_factory.mktemp("sql"), tls="required") as server:
        yield server


@pytest.fixture
def mute() -> Iterator[int]:
    """Give a port that takes connections and says nothing, as a frozen server's does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def ask(folder: Path, kind: str, place: dict[str, object], web: int, timeout: str = "2") -> tuple[int, str]:
    """Run the probe where a running node's state has `place` as its SQL Server's; return exit code and line."""
    start = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    live = {"pid": os.getpid(), "start": start}
    folder.chmod(0o700)
    for name, state in (("node", {"phase": "up"}), ("prepare", place)):
        path = folder / f"{name}.json"
        path.write_text(json.dumps(live | state))
        path.chmod(0o600)
    environ = {"PATH": os.environ["PATH"], "OCTO_NODE_RUN_DIR": str(folder), "OCTO_NODE_WEB_PORT": str(web)}
    command = [*PROBE, kind, "--timeout", timeout]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout.strip()


@pytest.mark.parametrize("strict", [False, True])
def test_a_server_without_its_database_is_alive(tmp_path: Path, mute: int, strict: bool) -> None:  # noqa: FBT001
    """A server that hangs while SQL Server says nothing isn't restarted for that, and the line says so."""
    code, line = ask(tmp_path, "liveness", {"host": "127.0.0.1", "port": mute, "strict": strict}, mute)

    assert code == 0
    assert line.endswith(f"; its SQL Server 127.0.0.1,{mute} doesn't answer either")


@pytest.mark.parametrize("kind", ["startup", "readiness"])
def test_only_liveness_asks(tmp_path: Path, mute: int, kind: str) -> None:
    """A node without its database isn't ready, and hasn't started."""
    code, line = ask(tmp_path, kind, {"host": "127.0.0.1", "port": mute, "strict": False}, mute)

    assert (code, line) == (1, f"{kind}: no: no answer within 2 s; the node is up")


@pytest.mark.parametrize("strict", [False, True])
def test_a_server_that_hangs_is_not_alive(tmp_path: Path, sql: SqlServer, mute: int, strict: bool) -> None:  # noqa: FBT001
    """A server that hangs while SQL Server answers is to be restarted."""
    place: dict[str, object] = {"host": "127.0.0.1", "port": sql.port, "strict": strict}
    code, line = ask(tmp_path, "liveness", place, mute, timeout="8")

    assert (code, line) == (1, "liveness: no: no answer within 6 s; the node is up")


@pytest.mark.parametrize(
    "place", [{}, {"host": 1, "port": 1}, {"host": "127.0.0.1", "port": "1433"}, {"host": "127.0.0.1", "port": 1 << 16}]
)
def test_a_node_that_does_not_tell_its_database(tmp_path: Path, mute: int, place: dict[str, object]) -> None:
    """Where the state names no SQL Server, a server that hangs is to be restarted."""
    assert ask(tmp_path, "liveness", place, mute)[0] == 1


def test_a_frozen_sql_server_says_nothing(tmp_path: Path) -> None:
    """A SQL Server that is stopped still takes connections, and is away all the same, until it goes on."""
    with SqlServer.start(tmp_path, tls="off") as sql:
        assert sql_ping.is_answered("localhost", sql.port, SECONDS, strict=False)
        assert sql.process is not None
        sql.process.send_signal(signal.SIGSTOP)
        try:
            assert not sql_ping.is_answered("localhost", sql.port, 0.5, strict=False)
        finally:
            sql.process.send_signal(signal.SIGCONT)
        assert sql_ping.is_answered("localhost", sql.port, SECONDS, strict=False)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64, "", "127.0.0.1"])
def test_nobody_there(host: str) -> None:
    """A name that nobody knows, one that is none, and a closed port are no answer, and no error."""
    assert not sql_ping.is_answered(host, free_port(), 0.5, strict=False)


def test_a_resolver_that_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name service that is away with SQL Server doesn't hold up the answer: kubelet would count that as a no."""
    over = threading.Event()

    def resolve(*_: object) -> list[object]:
        over.wait(30)
        return []

    monkeypatch.setattr(sql_ping, "getaddrinfo", resolve)
    begun = time.monotonic()
    assert not sql_ping.is_answered("db", 1433, 0.5, strict=False)
    assert time.monotonic() - begun < 15
    over.set()


def test_the_first_of_two_addresses_is_dead(
    monkeypatch: pytest.MonkeyPatch, sql: SqlServer, dead_address: Callable[[int, str], str]
) -> None:
    """A SQL Server that answers at one of its addresses is there: a server that hangs isn't spared for the other."""
    places = resolved((dead_address(sql.port, "mute"), "127.0.0.1"), sql.port)
    monkeypatch.setattr(sql_ping, "getaddrinfo", lambda *_: places)
    begun = time.monotonic()
    assert sql_ping.is_answered("db", sql.port, SECONDS, strict=False)
    assert time.monotonic() - begun < SECONDS / 2, "the first address doesn't use up the time"
