"""A node whose limits are used up: processes that can't be started, memory that has run out. The limits are real."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from cgroups import group, inside
from processes import wait_until
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
