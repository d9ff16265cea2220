"""Time limits that hold, whatever a driver does: each client is a process with one driver, the servers fall silent."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import odbcini
import pytest
from node import DATABASE, Node
from processes import wait_until
from standin.sqlserver.testing import SqlServer


ROOT = Path(__file__).resolve().parents[2]
CLIENT = """
import json, sys, threading, time
import pyodbc
from entrypoint.sqlserver.connect import ConnectError, connect
from entrypoint.sqlserver.connection_string import parse

text, statements = json.loads(sys.argv[1])
begun = time.monotonic()
said = {}
try:
    connection = connect(parse(text), login_timeout=1, query_timeout=1)
    said["connected"] = True
    for statement in statements:
        said["rows"] = [list(row) for row in connection.execute(statement)]
except ConnectError as error:
    said["reason"] = error.verdict.reason
except pyodbc.Error as error:
    said["state"] = error.args[0]
said["took"] = time.monotonic() - begun
if "connected" in said:
    begun = time.monotonic()
    connection.close()
    said["closed"] = time.monotonic() - begun
print(json.dumps(said | {"threads": threading.active_count()}))
"""
# a limit of 1 s each for login and answer, a grace of 1 s, 1 s for the call to end, and a slow machine
ENOUGH = 15


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlServer]:
    """Start a SQL Server with TLS."""
    with SqlServer.start(tmp_path_factory.mktemp("sql"), tls="on") as started:
        yield started


@pytest.fixture(params=list(odbcini.libraries()))
def driver(request: pytest.FixtureRequest) -> str:
    """Return the name of each driver."""
    return str(request.param)


def one_driver(folder: Path, driver: str) -> dict[str, str]:
    """Return the variables by which a node and its server know one driver."""
    return odbcini.environment(folder, [driver]) | {"STANDIN_OCTOPUS_DRIVER": driver}


def ask(folder: Path, driver: str, text: str, *statements: str) -> dict[str, Any]:
    """Connect in a process with one driver, ask, and return what came of it."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | odbcini.environment(folder, [driver])
    command = [sys.executable, "-c", CLIENT, json.dumps([text, statements])]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    assert not done.stderr
    return found


@pytest.mark.parametrize(
    "how",
    [
        {"hang": "prelogin"},
        {"hang": "tls"},
        {"hang": "login"},
        {"hang": "statement"},
        {"manner": {"statement": "half"}},
        {"manner": {"prelogin": "trickle"}},
        {"login_delay": 30},
    ],
    ids=str,
)
def test_a_login_ends_in_its_time(server: SqlServer, tmp_path: Path, driver: str, how: dict[str, object]) -> None:
    """A server that falls silent on the way into a session, or answers a byte a second, is one that timed out."""
    server.control(**how)
    found = ask(tmp_path, driver, server.connection_string())
    assert found["reason"] == "timed out"
    assert found["took"] < ENOUGH
    assert found["threads"] == 1


def test_a_strict_login_ends_in_its_time(server: SqlServer, tmp_path: Path) -> None:
    """With `Encrypt=Strict` the handshake comes first, and any mute port would hold Microsoft's driver for ever."""
    server.control(hang="prelogin")
    text = server.connection_string() + ";Encrypt=Strict"
    assert ask(tmp_path, odbcini.MICROSOFT, text)["reason"] == "timed out"


@pytest.mark.parametrize(
    "how",
    [{"hang": "statement"}, {"manner": {"statement": "half"}}, {"manner": {"statement": "trickle"}}],
    ids=str,
)
def test_an_answer_ends_in_its_time(server: SqlServer, tmp_path: Path, driver: str, how: dict[str, object]) -> None:
    """A server that falls silent after the login, or in the middle of an answer, is lost; closing doesn't hang."""
    server.control(**how, hang_match="SELECT 45")
    found = ask(tmp_path, driver, server.connection_string(), "SELECT 44", "SELECT 45")
    assert found["rows"] == [[44]]
    assert found["state"] == "HYT00"
    assert found["took"] < ENOUGH
    assert found["closed"] < ENOUGH
    assert found["threads"] == 1


@pytest.mark.parametrize("place", ["tls", "statement"])
def test_a_node_finds_a_server_that_was_silent(tmp_path: Path, driver: str, place: str) -> None:
    """While SQL Server is silent prepare says so, in the log and for probes; once it isn't, the node comes up."""
    with SqlServer.start(tmp_path / "sql", tls="on") as server:
        server.control(hang=place)
        text = f"{server.connection_string(DATABASE)};Connect Timeout=1"
        environ = {**one_driver(tmp_path, driver), "DB_CONNECTION_STRING": text}
        with Node(tmp_path / "node", server, **environ) as node:
            node.start().wait_log("timed out")
            wait_until(lambda: "timed out" in str(node.state("prepare").get("doing")))
            server.control()
            node.wait_phase("starting", "up")


def test_a_node_finds_a_server_that_was_frozen(tmp_path: Path, driver: str) -> None:
    """A server that is frozen while the node waits for a lock is lost, and waited for, and found again."""
    with SqlServer.start(tmp_path / "sql") as server, server.connect() as other:
        text = f"{server.connection_string(DATABASE)};Connect Timeout=1"
        environ = {**one_driver(tmp_path, driver), "DB_CONNECTION_STRING": text}
        lock = "EXEC sp_getapplock @Resource = ?, @LockMode = 'Exclusive', @LockOwner = 'Session'"
        other.execute(lock, f"octo-node:schema:{DATABASE.lower()}")
        with Node(tmp_path / "node", server, **environ) as node:
            node.start().wait_log("Waiting for")
            assert server.process is not None
            server.process.send_signal(signal.SIGSTOP)
            try:
                node.wait_log("SQL Server was lost")
            finally:
                server.process.send_signal(signal.SIGCONT)
            other.close()
            node.wait_phase("starting", "up")
