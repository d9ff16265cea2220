"""The server's own wait: an exit code of 0 counts only where what it printed, and when, don't tell otherwise."""

import os
import time
from pathlib import Path

import pytest

from entrypoint import structured_log
from entrypoint.base import procfs
from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode
from entrypoint.node import server_wait
from entrypoint.node.drain_deadlines import Deadlines
from entrypoint.node.drain_flag import NodeCommand
from entrypoint.node.server_process import Process
from entrypoint.node.server_wait import ServerWait
from entrypoint.octopus.command_runner import Runner
from entrypoint.settings.paths import Paths


OFFLINE = "echo 'Node appears to be offline so it is considered drained.'"
STILL = "echo 'Node octopus-0 still has 1 running task(s).'"
DRAINED = "echo 'Node octopus-0 has no running tasks.'"


def wait(folder: Path, script: str, seconds: float, cancel_wait: float | None = None) -> int:
    """Have a server that is `script` wait for `seconds`; return how often it was asked. Raise NodeError."""
    server = folder / "Octopus.Server"
    server.write_text(f"#!/bin/sh\necho >> {folder}/asked\nasked=$(wc -l < {folder}/asked)\n{script}\n")
    server.chmod(0o755)
    log = structured_log.logger("test", [])
    command = NodeCommand(Paths("/", str(folder), ""), Runner({"PATH": os.environ["PATH"]}, log), lambda: None)
    start = procfs.start_time(os.getpid())
    assert start is not None
    ServerWait(command, log, Deadlines(seconds, cancel_wait or 0.0, 30), Process(os.getpid(), start, 1)).wait(
        cancel_wait
    )
    return len((folder / "asked").read_text().splitlines())


@pytest.mark.parametrize("doubt", [OFFLINE, STILL])
def test_a_wait_that_is_given_up_is_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, doubt: str
) -> None:
    """A server that ends with 0 although it gave up waiting, or says that tasks run, is asked again (issue 9561)."""
    monkeypatch.setattr(server_wait, "AGAIN_SECONDS", 0.1)
    assert wait(tmp_path, f"if [ $asked -lt 3 ]; then {doubt}; else {STILL}; {DRAINED}; fi", 60) == 3


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (OFFLINE, "only considers the node drained"),
        (STILL, "though tasks run: Node octopus-0 still has 1 running task"),
        ("sleep 6", "doesn't tell whether tasks still run"),
    ],
)
@pytest.mark.parametrize("cancel_wait", [None, 0.0])
def test_at_the_deadline_tasks_may_run(tmp_path: Path, script: str, said: str, cancel_wait: float | None) -> None:
    """At the deadline an exit code of 0 that says nothing of the tasks, or that they run, is 20."""
    begun = time.monotonic()
    with pytest.raises(NodeError) as caught:
        wait(tmp_path, script, 2, cancel_wait)
    assert caught.value.code == ExitCode.TASKS_RUNNING
    assert said in str(caught.value)
    assert time.monotonic() - begun < 2 + 30


def test_a_drained_node_is_drained(tmp_path: Path) -> None:
    """A server that ends with 0 before its wait is over has no task, also where there was no time to wait."""
    assert wait(tmp_path, DRAINED, 0) == 1
    (tmp_path / "asked").unlink()
    assert wait(tmp_path, "true", 0, 0.0) == 1
