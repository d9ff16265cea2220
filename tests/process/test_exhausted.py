"""A node whose limits are used up: processes that can't be started, memory that has run out. The limits are real."""

import shlex
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cgroups import group, inside
from processes import status, wait_until
from scripted import DOOR, Scripted, up


@pytest.fixture
def pids() -> Iterator[Path]:
    """Give a control group that counts processes."""
    with group("pids") as folder:
        yield folder


@pytest.fixture
def node(tmp_path: Path, pids: Path) -> Iterator[Scripted]:
    """Give a node that isn't started yet, and will be in the group."""
    with Scripted(tmp_path) as one:
        one.above = inside(pids)
        yield one


@pytest.fixture
def scarce(tmp_path: Path) -> Iterator[Scripted]:
    """Give a node that isn't started yet, and will have 128 MiB of memory: a real control group's."""
    with group("memory") as folder, Scripted(tmp_path) as one:
        limits = ("memory.limit_in_bytes", "memory.max")
        (next(path for name in limits if (path := folder / name).exists())).write_text(str(128 << 20))
        one.above = inside(folder)
        (one.root / "sys/fs").mkdir(parents=True)
        (one.root / "sys/fs/cgroup").symlink_to("/sys/fs/cgroup")
        yield one


def allow(pids: Path, number: int | str) -> None:
    """Have the group give no more than `number` processes."""
    (pids / "pids.max").write_text(str(number))


def start_full(node: Scripted, pids: Path, seconds: int = 100) -> None:
    """Start a node that drains on a stop for that long, and then give it no more processes than it has."""
    node.environment["OCTO_NODE_DRAIN_ON_STOP"] = str(seconds)
    node.script("drain", "echo drain $1 >>told")
    node.script("server", "trap 'echo TERM >>told; exit 0' TERM; sleep 1000 & echo up >up; wait")
    up(node).wait_told("up", name="up")
    own = 4  # `unshare`, process 1, the server, its sleep
    wait_until(lambda: int((pids / "pids.current").read_text()) == own, what="settle is gone")
    allow(pids, own)


# `unshare` and process 1 are two; who sets the limit is one more until it ends
@pytest.mark.parametrize(
    ("role", "before", "most"),
    [("preflight", "", 2), ("prepare", "preflight", 2), ("server", "prepare", 2), ("settle", "prepare", 3)],
)
def test_whatever_cannot_be_started_is_started_later(
    node: Scripted, pids: Path, role: str, before: str, most: int
) -> None:
    """A helper or server for which no process can be had isn't a failure: it is tried again, and a line says why."""
    if before:
        node.script(before, f"echo {most} >{pids}/pids.max")
    else:
        allow(pids, most)
    node.start("process 1", DOOR).wait_log(f"run: {role}: ")
    assert "can't be started: Resource temporarily unavailable (the limit of processes is reached" in node.log
    assert "). Next try in 1 s." in node.log
    allow(pids, "max")
    node.wait_phase("up")
    assert node.terminate() == 143


def test_a_drain_that_cannot_be_started_is_started_later(node: Scripted, pids: Path) -> None:
    """A stop's drain for which no process can be had is tried again, and the server runs on until then."""
    start_full(node, pids)
    node.send()
    node.wait_log("). Next try in 1 s.")
    node.wait_log("Next try in 2 s.")
    assert not node.told()
    allow(pids, "max")
    assert node.wait() == 0
    drain, wait, term = node.told()
    assert (drain, term) == ("drain", "TERM")
    assert 0 < float(wait.removeprefix("--wait=")) < 100  # what was left


def test_a_drain_that_is_never_started(node: Scripted, pids: Path) -> None:
    """At its deadline the node is stopped without a drain: what is cut off is told, and the exit code isn't 0."""
    start_full(node, pids, seconds=3)
    assert node.terminate() == 21
    assert node.told() == ["TERM"]
    assert "The node is stopped without a drain, which couldn't be started for 3 s: " in node.termination
    assert "the limit of processes is reached" in node.termination
    assert "what Octopus.Server runs for them: sleep (" in node.termination


def test_a_second_stop_waits_for_no_drain(node: Scripted, pids: Path) -> None:
    """A second stop skips a drain that can't be started: that was asked for, and the code is the server's."""
    start_full(node, pids)
    node.send()
    node.wait_log("). Next try in 1 s.")
    assert node.terminate(signal.SIGINT) == 0
    assert node.told() == ["TERM"]


# --- memory

HOG = shlex.join([sys.executable, "-c", "bytearray(1 << 30)"])


def test_a_task_that_runs_out_of_memory(scarce: Scripted) -> None:
    """A task that the kernel kills is told by `status` at once, and by the log when process 1 is woken up."""
    scarce.script("server", f"until [ -e go ]; do sleep 0.05; done; {HOG}; echo $? >killed; exec sleep 1000")
    up(scarce)
    sentence = "The kernel killed a process in this container because memory ran out: raise the limit of the container"
    assert sentence not in scarce.verb("status").stdout
    (scarce.folder / "go").touch()
    scarce.wait_told("137", name="killed")
    assert sentence in scarce.verb("status").stdout
    assert scarce.phase == "up"
    assert scarce.terminate() == 143
    assert sentence in scarce.log


@pytest.mark.parametrize("role", ["server", "prepare"])
def test_who_runs_out_of_memory(scarce: Scripted, role: str) -> None:
    """A server or helper that the kernel kills ends the node with 137, and the termination message says why."""
    scarce.script(role, f"exec {HOG}")
    assert scarce.start("process 1", DOOR).wait() == 137
    assert "ended by" in scarce.termination
    assert "The kernel killed a process in this container because memory ran out" in scarce.termination


@pytest.mark.parametrize("role", ["server", "prepare"])
def test_who_is_killed_by_somebody_else(scarce: Scripted, role: str) -> None:
    """137 without a lack of memory isn't told as one."""
    scarce.script(role, "kill -KILL $$")
    assert scarce.start("process 1", DOOR).wait() == 137
    assert "Memory didn't run out: another process sent it that signal." in scarce.termination


class Counted(Scripted):
    """A node that sees a counter of version 2 that the test writes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.counter = self.root / "sys/fs/cgroup/memory.events"
        self.counter.parent.mkdir(parents=True)
        self.count(3)

    def count(self, kills: int, most: int = 0) -> None:
        """Have the kernel have killed so many, and the limit have been reached so often."""
        self.counter.write_text(f"low 0\nhigh 0\nmax {most}\noom 0\noom_kill {kills}\noom_group_kill 0\n")


@pytest.fixture
def counted(tmp_path: Path) -> Iterator[Counted]:
    """Give such a node that isn't started yet."""
    with Counted(tmp_path) as one:
        yield one


def test_the_kernel_wakes_process_1(counted: Counted) -> None:
    """With cgroup v2 a task that was killed is told at once, without a look in vain; what was before doesn't count."""
    up(counted)
    counted.count(5)
    counted.wait_log("The kernel killed 2 processes in this container because memory ran out")
    counted.count(6)
    counted.wait_log("The kernel killed a process in this container because memory ran out")
    assert "The kernel killed 3 processes in this container" in counted.verb("status").stdout
    assert counted.phase == "up"
    assert counted.terminate() == 143


def test_short_memory_keeps_nobody_awake(counted: Counted) -> None:
    """However often the other counters change, process 1 is woken up about twice a second, and hands nothing on."""
    up(counted)
    before = int(status(counted.pid)["voluntary_ctxt_switches"])
    begun = time.monotonic()
    most = 0
    while most < 100 or time.monotonic() - begun < 2:  # an emulated processor makes 40 changes a second
        counted.count(3, most := most + 1)
    seconds = time.monotonic() - begun
    assert int(status(counted.pid)["voluntary_ctxt_switches"]) - before <= 2 * seconds + 4
    assert "IO" not in counted.log
    assert counted.terminate() == 143


def test_io_that_somebody_sent(counted: Counted) -> None:
    """IO from a process is a signal like any other, and not taken for the kernel's."""
    up(counted).send(signal.SIGIO)
    counted.wait_log("Signal IO isn't forwarded")
