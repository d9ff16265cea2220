"""Processes for tests: namespaces to start them in, what /proc says of them, and waiting with a deadline."""

import atexit
import functools
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar


ROOT = Path(__file__).resolve().parents[1]
OCTO_NODE = (sys.executable, "-m", "entrypoint")
# in a mask of /proc/PID/status; not TERM, which `unshare` blocks as well before it executes octo-node
_BLOCKED = 1 << (signal.SIGUSR1 - 1)
T = TypeVar("T")
PATIENCE = 180.0  # seconds for what takes one or two: others may be at work on the machine
_START_SECONDS = 0.1  # for an interpreter's start, which takes 10 to 20 ms: a busy machine isn't a slow one
_SLOWEST = 20.0
CLAIMS = 200
_claims: deque[socket.socket] = deque()  # on the ports given last

# a new pid namespace whose processes all end with `unshare`; without root in a user namespace of our own
NAMESPACE = ["unshare", *([] if os.getuid() == 0 else ["-Ur"]), "-pf", "--mount-proc", "--kill-child"]
# what is started isn't process 1: that is a shell, which forks because something follows
BELOW_A_SHELL = ["sh", "-c", '"$@"; exit $?', "sh"]


@functools.cache
def slowness() -> float:
    """Return how many times as much time everything takes here as where the tests' limits were chosen; at least 1.

    OCTO_TEST_SLOWNESS tells; else it is measured by the start of an interpreter, a second in an emulated processor.
    """
    if told := os.environ.get("OCTO_TEST_SLOWNESS"):
        return max(float(told), 1.0)
    times = []
    for _ in range(3):
        begun = time.monotonic()
        subprocess.run([sys.executable, "-I", "-S", "-c", "pass"], check=True)
        times.append(time.monotonic() - begun)
    return min(max(min(times) / _START_SECONDS, 1.0), _SLOWEST)


def wait_until(condition: Callable[[], T | None], seconds: float = PATIENCE, what: str = "") -> T:
    """Return the first true value of `condition`. Raise AssertionError if there is none within `seconds`.

    On a slow machine that is as much longer as it is slow.
    """
    begun = time.monotonic()
    while not (value := condition()):
        waited = time.monotonic() - begun
        assert waited < seconds or waited < seconds * slowness(), f"not within {waited:.0f} s: {what or condition}"
        time.sleep(0.01)
    return value


def whole_lines(path: Path) -> list[str]:
    """Return the lines of a file that others append to, but for one that is just being written; none without a file."""
    text = path.read_text() if path.exists() else ""
    return text[: text.rfind("\n") + 1].splitlines()


def enter(pid: int) -> list[str]:
    """Return the command that runs what follows it in the namespaces of process `pid`."""
    user = [] if os.getuid() == 0 else ["-U", "--preserve-credentials"]
    return ["nsenter", "-t", str(pid), *user, "-p", "-m"]


def children(pid: int) -> list[int]:
    """Return the children of process `pid`; none if there is no such process."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def descendants(pid: int) -> list[int]:
    """Return all processes below `pid`, children before grandchildren."""
    found = children(pid)
    for child in found:
        found.extend(children(child))
    return found


def status(pid: int) -> dict[str, str]:
    """Return the fields of /proc/PID/status; none if there is no such process."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}


def state_of(pid: int) -> str:
    """Return the letter of a process's state, such as S, T or Z; empty if there is no such process."""
    return status(pid).get("State", "")[:1]


def is_listening(pid: int) -> bool:
    """Return whether octo-node, as `pid`, has blocked its signals: the kernel drops what process 1 gets before that.

    While it waits for signals the kernel shows them as not blocked; by then it has its name.
    """
    found = status(pid)
    return bool(int(found.get("SigBlk", "0"), 16) & _BLOCKED) or found.get("Name") == "octo-node"


def arguments(pid: int) -> list[str]:
    """Return the command line of process `pid`; empty if there is no such process."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except (FileNotFoundError, ProcessLookupError):
        return []


@atexit.register
def _give_up_claims() -> None:
    for claim in _claims:
        claim.close()


def free_port() -> int:
    """Return a TCP port that nobody listens on, and that no other test is given as well.

    Not one that the kernel gives to clients: it might, before the server is there.
    """
    while True:
        port = random.randrange(10000, 30000)
        claim = socket.socket(socket.AF_UNIX)
        with socket.socket() as one:
            try:
                claim.bind(f"\0octo-node-test-port-{port}")
                one.bind(("127.0.0.1", port))
            except OSError:
                claim.close()
                continue
        if len(_claims) == CLAIMS:
            _claims.popleft().close()
        _claims.append(claim)
        return port


def resolved(hosts: Iterable[str], port: int, kind: socket.SocketKind = socket.SOCK_STREAM) -> list[Any]:
    """Return what the resolver says of a name with the addresses `hosts`."""
    return [(socket.AF_INET, kind, 0, "", (host, port)) for host in hosts]
