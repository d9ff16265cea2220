"""What serves HTTP, for tests: the server in a thread, on facts that the test gives; and a client."""

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import readings

from entrypoint.monitoring.application import Application
from entrypoint.monitoring.observation import Observation
from entrypoint.monitoring.probes import Prober
from entrypoint.monitoring.server import Server
from entrypoint.monitoring.snapshot import Snapshots
from entrypoint.structured_log import logger


FACTS: dict[str, Any] = {
    "schema": "octo-node.status/1",
    "live": True,
    "summary": "octopus-0 is draining since 14:02, 2 tasks left",
    "node": {
        "name": "octopus-0", "phase": "up", "seconds": 4000.5, "wanted": "up", "doing": "", "doing_seconds": None,
        "pid": 1, "code": None, "reason": "", "reaped": 12,
    },
    "versions": {"octo_node": "0.1.0", "server": "2026.2.197", "schema": "2026.2.197", "sql_server": "16.0.4135.4"},
    "boot": {
        "began": "2026-01-01T12:00:00Z", "seconds": 21.5, "is_over": True,
        "steps": [
            {"name": "preflight", "seconds": 0.7}, {"name": "sql", "seconds": 3.1}, {"name": "guard", "seconds": 1.0},
            {"name": "commands", "seconds": 8.2}, {"name": "server", "seconds": 8.5},
        ],
    },
    "drain": {"wanted": True, "since": "2026-01-01T14:02:00Z", "in_force": True},
    "tasks": [
        {"id": "ServerTasks-1", "description": "Deploy <web> & api", "state": "Executing", "seconds": 200.0},
        {"id": "ServerTasks-2", "description": "Backup", "state": "Cancelling", "seconds": None},
    ],
    "queued": 7,
    "server": {
        "pid": 42, "seconds": 3990.0, "is_suspended": False, "cpu_seconds": 81.5, "cpu_percent": 3.0,
        "memory_bytes": 900 << 20, "processes": 3,
    },
    "ping": {"status": 418, "words": "the ping address answered 418 I'm a teapot", "seconds": 0.01},
    "dockerd": {
        "state": "ready", "restarts": 1, "pid": 50, "cpu_seconds": 5.5, "memory_bytes": 90 << 20, "containers": 2,
    },
    "sql": {
        "address": "db,1433", "database": "OctopusDeploy", "answers": True, "login_seconds": 0.031,
        "answer_seconds": 0.0012, "trouble": "",
    },
    "container": {
        "memory_bytes": 1500 << 20, "memory_limit_bytes": 4 << 30, "memory_peak_bytes": 2 << 30, "oom_kills": 0,
        "cpu_limit": 2.0, "cpu_seconds": 321.0,
    },
    "nodes": [
        {
            "id": "N-1", "name": "octopus-0", "is_this": True, "version": "2026.2.197", "seen_seconds": 3,
            "is_alive": True, "is_offline": False, "is_draining": True, "cap": 5, "tasks": 2,
        },
        {
            "id": "N-2", "name": "octopus-1", "is_this": False, "version": None, "seen_seconds": 90000,
            "is_alive": False, "is_offline": False, "is_draining": False, "cap": 5, "tasks": 0,
        },
    ],
    "warnings": ["The licence ends in 12 days: order a new one."],
    "last_end": {"time": None, "phase": "failed", "code": 12, "reason": "SQL Server was lost."},
    "unknown": {"containers": "no answer within 1 s"},
}  # fmt: skip


class Observed:
    """Stands where the observer does: what it told is `facts`, `age` seconds ago."""

    restarts = 0

    def __init__(self, facts: Mapping[str, Any], age: float | None = 0.0) -> None:
        self.facts = facts
        self.age = age

    def last(self) -> Observation:
        """Return it."""
        return Observation(self.facts, self.age, is_stale=self.age is None or self.age > 60)


@contextlib.contextmanager
def served(
    facts: Mapping[str, Any] | None = None, age: float | None = 0.0, *, asked: bool = False, **environ: str
) -> Iterator[int]:
    """Serve `facts` of that `age` for a node with `environ`, whose probes were `asked` once or not; give the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        prober = Prober()
        if asked:
            prober.ask()
        snapshots = Snapshots(readings.base(**environ), prober, Observed(FACTS if facts is None else facts, age))  # type: ignore[arg-type]
        server = Server(Application(snapshots, logger("http", [])), listener)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.close()
            server.task_dispatcher.shutdown()


def get(port: int, path: str, seconds: float = 20, method: str = "GET", **headers: str) -> tuple[int, str]:
    """Return status and body of an answer; 0 and the reason if there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, http.client.HTTPException) as error:
        return 0, repr(error)
    finally:
        connection.close()


@contextlib.contextmanager
def slow_clients(port: int, count: int) -> Iterator[list[socket.socket]]:
    """Give connections that have begun a request each and don't go on."""
    with contextlib.ExitStack() as stack:
        found = [stack.enter_context(socket.create_connection(("127.0.0.1", port), 20)) for _ in range(count)]
        for client in found:
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        yield found


def is_closed(client: socket.socket) -> bool:
    """Return whether the other side has closed the connection."""
    client.settimeout(0)
    try:
        return client.recv(4096) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def timed(port: int, path: str) -> float:
    """Return the seconds that an answer took."""
    begun = time.monotonic()
    get(port, path)
    return time.monotonic() - begun
