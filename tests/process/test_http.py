"""A node that serves metrics, health endpoints and a page: what they say in each phase, and what can't harm it."""

import contextlib
import os
import random
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import tasks
from monitoring_site import get, slow_clients
from node import DATABASE, Node
from processes import children, free_port, status, wait_until
from standin.sqlserver.testing import SqlServer


PATIENCE = 90  # seconds: others may be at work on the machine
SECRETS = ("S3cret-of-the-admin!", "API-SECRETOFTHETEST", "Canary-of-the-database-1!")


@pytest.fixture
def sql(tmp_path: Path) -> Iterator[SqlServer]:
    """A SQL Server with no database but its own."""
    with SqlServer.start(tmp_path / "sql", tls="off") as server:
        yield server


@pytest.fixture
def port() -> int:
    """A port for octo-node's own HTTP."""
    return free_port()


@pytest.fixture
def node(tmp_path: Path, sql: SqlServer, port: int) -> Iterator[Node]:
    """A node that serves HTTP on `port`, not started."""
    with Node(tmp_path, sql, OCTO_NODE_HTTP=f"127.0.0.1:{port}") as made:
        yield made


def process_of(node: Node, name: str) -> int | None:
    """Return the pid of a process of the node by its name, as this namespace knows it; None if there is none."""
    # not by the main thread's children: the observer is a child of another one
    found = psutil.Process(node.pid).children(recursive=True)
    return next((process.pid for process in found if status(process.pid).get("Name") == name), None)


def commands_of(node: Node) -> list[str]:
    """Return the configure commands that a node's start ran."""
    begun = [line["verb"] for line in node.journal() if line["event"] == "start"]
    return [verb for verb in begun if verb not in {"version", "run", "license"}]


def wait_for(port: int, path: str, text: str, code: int = 200) -> str:
    """Return what `path` answers once that has the `code` and `text` in it."""
    seen = (0, "")

    def answer() -> str | None:
        nonlocal seen
        seen = get(port, path)
        time.sleep(0.1)  # who asks without a pause takes the time of those who look
        return seen[1] if seen[0] == code and text in seen[1] else None

    try:
        return wait_until(answer, PATIENCE)
    except AssertionError as error:
        raise AssertionError(f"{path} didn't answer {code} with {text!r} ({error}), but {seen}") from None


def assert_no_secret(pid: int | None) -> None:
    """The process has no secret in its environment nor in its memory, and no driver of SQL Server."""
    environ = Path(f"/proc/{pid}/environ").read_text(errors="replace")
    assert "OCTO_NODE_HTTP" in environ
    assert not [secret for secret in SECRETS if secret in environ]
    maps = Path(f"/proc/{pid}/maps").read_text()
    assert "pyodbc" not in maps
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in maps.splitlines():
            if " rw" in line:
                begin, _, end = line.split()[0].partition("-")
                memory.seek(int(begin, 16))
                found = memory.read(int(end, 16) - int(begin, 16))
                assert not [secret for secret in SECRETS if secret.encode() in found]


def test_a_life_as_http_tells_it(node: Node, port: int) -> None:
    """Booting, up, draining: the endpoints say what `probe` says; no secret is in anything; a stop is no slower."""
    node.start()
    assert "startup: no" in wait_for(port, "/startupz", "not up yet", 503)
    assert_no_secret(process_of(node, "octo-node-http"))
    node.wait_phase("up")
    for path, kind in (("/livez", "liveness"), ("/readyz", "readiness"), ("/startupz", "startup")):
        assert wait_for(port, path, "yes") == node.verb("probe", kind).stdout
    metrics = wait_for(port, "/metrics", "octo_node_tasks_running 0.0")
    assert f"octo_node_configure_commands {len(commands_of(node))}.0" in metrics
    assert '{phase="up"} 1.0' in get(port, "/metrics")[1]
    running = tasks.task(node, 60)
    assert node.verb("drain", "--wait", "0.1").returncode
    assert "418" in wait_for(port, "/livez", "draining")
    wait_for(port, "/metrics", "octo_node_draining 1.0")
    page = wait_for(port, "/", running)
    assert "draining" in page
    assert "Deploy web 1.4 to Production" in page
    for text in (page, get(port, "/metrics")[1], get(port, "/livez")[1]):
        assert not [secret for secret in SECRETS if secret in text]
    assert node.terminate() == 0


def test_its_death_is_nobody_elses(node: Node, port: int, tmp_path: Path) -> None:
    """The process that listens has no secret; it and the one that looks are started again alone, and nobody else."""
    password = tmp_path / "password"
    password.write_text(node.environment.pop("ADMIN_PASSWORD"))
    node.environment["ADMIN_PASSWORD_FILE"] = str(password)
    node.start().wait_phase("up")
    wait_for(port, "/metrics", "octo_node_sql_up 1.0")
    assert_no_secret(process_of(node, "octo-node-http"))
    server, watcher = node.server(), wait_until(lambda: process_of(node, "octo-node-look"), what="the observer runs")
    os.kill(watcher, signal.SIGKILL)
    wait_for(port, "/metrics", "octo_node_observer_restarts_total 1.0")
    http = process_of(node, "octo-node-http")
    assert http is not None
    os.kill(http, signal.SIGKILL)
    wait_until(lambda: process_of(node, "octo-node-http") not in {None, http}, what="it is started again")
    wait_for(port, "/livez", "yes")
    assert node.server() == server
    assert node.phase == "up"
    assert "serve-http ended and is started again in 1 s; the node isn't concerned." in node.log
    assert node.terminate() == 0


def test_neither_strangers_nor_sql_server_harm_it(node: Node, port: int, sql: SqlServer) -> None:
    """200 slow clients, random bytes and a SQL Server that hangs leave the node as it was, and probes are answered."""
    node.start().wait_phase("up")
    wait_for(port, "/livez", "yes")
    pids, memory = node.pids(), status(node.pid)["VmRSS"]
    assert sql.process is not None
    os.kill(sql.process.pid, signal.SIGSTOP)
    try:
        chance = random.Random(5)
        with slow_clients(port, 200):
            for _ in range(50):
                with socket.create_connection(("127.0.0.1", port), 20) as client, contextlib.suppress(OSError):
                    client.sendall(chance.randbytes(chance.randrange(1, 5000)))
            wait_for(port, "/livez", "yes")
            wait_for(port, "/metrics", "octo_node_sql_up 0.0")
            assert "octo_node_tasks_queued" not in get(port, "/metrics")[1]
    finally:
        os.kill(sql.process.pid, signal.SIGCONT)
    wait_for(port, "/metrics", "octo_node_sql_up 1.0")
    assert node.phase == "up"
    assert {node.pid, node.server(), process_of(node, "octo-node-http")} <= set(pids)
    assert status(node.pid)["VmRSS"] == memory
    assert node.terminate() == 0


def test_a_taken_port_is_a_warning(node: Node, port: int) -> None:
    """Where the port is taken the node runs all the same, says so once, and answers nothing there."""
    with socket.create_server(("127.0.0.1", port)):
        node.start().wait_phase("up")
        assert "Address already in use" in node.wait_log("The node runs without them")
        assert node.terminate() == 0
    assert node.log.count("The node runs without them") == 1


def test_nothing_is_served_unless_it_is_asked_for(tmp_path: Path) -> None:
    """Without OCTO_NODE_HTTP there is no process more, and a value that is no address is refused with all the rest."""
    with Node(tmp_path / "wrong", OCTO_NODE_HTTP="9464", DB_CONNECTION_STRING="Server=db,1;Database=x") as wrong:
        assert wrong.start().wait() == 11
        assert "OCTO_NODE_HTTP is '9464', but it must be an IP address and a port" in wrong.termination
        assert "started again" not in wrong.log
    waiting = f"Server=127.0.0.1,{free_port()};Database={DATABASE};User Id=u;Password=p"
    with Node(tmp_path / "none", DB_CONNECTION_STRING=waiting) as without:
        without.start().wait_log("isn't ready yet")
        assert len(children(without.pid)) == 1
