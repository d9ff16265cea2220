"""Drain and undrain of a node with real tasks."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from node import DATABASE, Node
from processes import NAMESPACE, OCTO_NODE, ROOT, enter, wait_until
from standin.sqlserver.testing import SqlServer
from tasks import ask, drain_that_waits, state, task


def beside(node: Node, way: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a verb in the node's namespace, with what makes it count the tasks in that `way`."""
    before = dict(node.environment)
    node.environment |= WAYS[way]
    try:
        return node.verb(*words)
    finally:
        node.environment = before


WAYS: dict[str, dict[str, str]] = {
    "API": {},
    "SQL": {"ADMIN_API_KEY": ""},
    "wrong key": {"OCTO_NODE_API_KEY": "API-OFNOBODY"},
}


@pytest.mark.parametrize("way", WAYS)
def test_waits_for_tasks(node: Node, way: str) -> None:
    """Drain returns when the running tasks are done, however they are counted, and tells what it waits for."""
    running, (done,) = drain_that_waits(node, "--wait", "300", environ=WAYS[way])

    assert done.returncode == 0, done.stderr
    assert "1 task running, " in done.stderr
    assert f"left: {running} Deploy web 1.4 to Production" in done.stderr
    assert state(node, running) == "Success"
    assert node.verb("probe", "liveness").stdout.strip() == "liveness: 418"
    assert node.verb("probe", "readiness").returncode == 0


def test_takes_no_new_tasks(node: Node) -> None:
    """A drained node leaves new tasks in the queue, and takes them when it is undrained."""
    assert node.verb("drain", "--wait", "10").returncode == 0
    queued = str(ask(node, "/api/tasks", {"Name": "Deploy", "Description": "x", "Arguments": {"Seconds": 0.1}})["Id"])
    time.sleep(1)
    assert state(node, queued) == "Queued"

    assert node.verb("undrain").returncode == 0
    wait_until(lambda: state(node, queued) == "Success", what="the task is done")


@pytest.mark.parametrize("way", WAYS)
def test_deadline(node: Node, way: str) -> None:
    """At the deadline drain says what still runs and how to undo it (20); the node stays drained."""
    running = task(node, 60)
    done = beside(node, way, "drain", "--wait", "1.5")

    assert done.returncode == 20
    assert f"1 task was still running: {running} Deploy web" in done.stderr
    assert "octo-node undrain" in done.stderr
    assert state(node, running) == "Executing"
    assert node.verb("probe", "liveness").stdout.strip() == "liveness: 418"


@pytest.mark.parametrize("way", WAYS)
def test_cancels(node: Node, way: str) -> None:
    """With --cancel-tasks what runs at the deadline is cancelled, and drain ends well once it is gone."""
    running = task(node, 60)
    done = beside(node, way, "drain", "--wait", "1", "--cancel-tasks", "--cancel-wait", "20")

    assert done.returncode == 0, done.stderr
    assert state(node, running) == "Canceled"


def test_sticks_in_cancelling(node: Node) -> None:
    """A task that doesn't end when it is cancelled is told after --cancel-wait (20)."""
    task(node, 60, StickInCancelling=60)
    done = node.verb("drain", "--wait", "0", "--cancel-tasks", "--cancel-wait", "2")

    assert done.returncode == 20, done.stderr


@pytest.mark.parametrize("way", WAYS)
def test_a_task_with_an_interruption_runs(node: Node, way: str) -> None:
    """A task that executes while an interruption is pending works on: it is waited for, and cancelled."""
    running = task(node, 60, Interruption="child-step")
    assert ask(node, f"/api/tasks/{running}")["HasPendingInterruptions"]
    done = beside(node, way, "drain", "--wait", "1", "--cancel-tasks", "--cancel-wait", "20")

    assert done.returncode == 0, done.stderr
    assert f"1 task was still running: {running} " in done.stderr
    assert state(node, running) == "Canceled"


def test_a_task_that_waits_for_a_person(node: Node) -> None:
    """A task that only waits for a person is queued: it is neither waited for nor cancelled."""
    body = {"Name": "Deploy", "Description": "x", "Arguments": {"Interruption": "manual"}}
    waiting = str(ask(node, "/api/tasks", body)["Id"])
    wait_until(lambda: ask(node, f"/api/tasks/{waiting}")["HasPendingInterruptions"], what="the task waits")
    done = node.verb("drain", "--wait", "20")

    assert done.returncode == 0, done.stderr
    assert state(node, waiting) == "Queued"


def test_nobody_can_count(node: Node, sql: SqlServer) -> None:
    """Without a key and without a task table that can be read, the server's own wait is used."""
    running = task(node, 3)
    sql.query("master", "CREATE DATABASE [Empty]")
    done = node.verb("drain", "--wait", "30", ADMIN_API_KEY="", DB_CONNECTION_STRING=sql.connection_string("Empty"))

    assert done.returncode == 0, done.stderr
    assert "The server says that the node is drained" in done.stderr
    assert state(node, running) == "Success"


def test_twice(node: Node) -> None:
    """Draining a drained node, and undraining one that isn't drained, change nothing and end well."""
    codes = [node.verb(verb).returncode for verb in ("drain", "drain", "undrain", "undrain")]

    assert codes == [0, 0, 0, 0]


def test_two_at_once(node: Node) -> None:
    """Two drains don't wait for each other, only for the task, and both end well."""
    _, both = drain_that_waits(node, "--wait", "300", times=2)

    assert [done.returncode for done in both] == [0, 0], both


def test_before_the_server_was_started(tmp_path: Path, sql: SqlServer) -> None:
    """A node that never came up has nothing to drain: 0 at once, and nothing is written."""
    with Node(tmp_path, sql) as node:
        node.control(hang=["database"])
        node.start().wait_phase("preparing")
        done = node.verb("drain", "--wait", "60")

        assert done.returncode == 0
        assert "nothing to drain" in done.stderr
        assert node.state("drain") == {}


def test_not_a_node(tmp_path: Path) -> None:
    """Where no node runs there is nothing to drain, and nothing to undrain (21)."""
    with Node(tmp_path) as node:
        codes = [
            subprocess.run([*NAMESPACE, *OCTO_NODE, verb], env=node.environment, cwd=ROOT, check=False).returncode
            for verb in ("drain", "undrain")
        ]

        assert codes == [0, 21]


def test_retried(node: Node) -> None:
    """The switch is tried again while it fails, within --wait."""
    node.control(drain_error_times=2)
    done = node.verb("drain", "--wait", "30")

    assert done.returncode == 0, done.stderr
    assert done.stderr.count("It will be retried") == 2


def test_sql_server_away(node: Node, sql: SqlServer) -> None:
    """With SQL Server away until the deadline the node can't be drained (21)."""
    sql.kill()
    done = node.verb("drain", "--wait", "4")

    assert done.returncode == 21, done.stderr


def test_no_answer(node: Node) -> None:
    """A server that answers nothing for 30 s while SQL Server does is given up (21), and what it ran is told."""
    running = task(node, 120)
    node.control(hang_http=True)
    done = node.verb("drain", "--wait", "90", seconds=120)

    assert done.returncode == 21
    assert "has answered nothing for 3" in done.stderr
    assert f"According to the database, 1 task was still running: {running} " in done.stderr


def start_drain(node: Node, **environ: str) -> subprocess.Popen[str]:
    """Start a drain in the node's namespace."""
    command = [*enter(node.pid), *OCTO_NODE, "drain", "--wait", "60"]
    return subprocess.Popen(command, env=node.environment | environ, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def test_silent_at_first(node: Node) -> None:
    """An API that doesn't answer at first, and then doesn't know the key, isn't asked for ever: the database is."""
    node.control(hang_http=True)
    with start_drain(node, OCTO_NODE_API_KEY="API-OFNOBODY") as drain:
        assert drain.stderr is not None
        while "`node` ended" not in drain.stderr.readline():
            assert drain.poll() is None
        time.sleep(1)  # it asks
        node.control()
        told = drain.communicate(timeout=60)[1]

    assert drain.returncode == 0, told
    assert "counted another way" in told


def drain_beside(node: Node) -> subprocess.Popen[str]:
    """Return a drain that waits for a running task."""
    task(node, 60)
    drain = start_drain(node)
    assert drain.stderr is not None
    while "1 task running" not in drain.stderr.readline():
        assert drain.poll() is None
    return drain


def test_server_ends_meanwhile(node: Node) -> None:
    """A server that ends while it is drained needs no more draining (0)."""
    with drain_beside(node) as drain:
        os.kill(node.server(), signal.SIGKILL)
        _, told = drain.communicate(timeout=30)

    assert drain.returncode in {0, 137, -9}, told
    assert drain.returncode != 0 or "has ended in the meantime" in told


def test_interrupted(node: Node) -> None:
    """Ctrl-C says that the node is still draining and how to undo it (130)."""
    with drain_beside(node) as drain:
        os.kill(node_pids("drain", node)[0], signal.SIGINT)
        _, told = drain.communicate(timeout=30)

    assert drain.returncode == 130
    assert "still draining" in told
    assert "octo-node undrain" in told


def node_pids(word: str, node: Node) -> list[int]:
    """Return the processes of octo-node that run the verb `word` for `node`."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            environ = (entry / "environ").read_bytes()
        except OSError:
            continue
        if word.encode() in words and words[0].endswith(b"python") and str(node.run_dir).encode() in environ:
            found.append(int(entry.name))
    return found


@pytest.mark.parametrize("stops", [1, 2])
def test_drain_on_stop(tmp_path: Path, sql: SqlServer, stops: int) -> None:
    """With OCTO_NODE_DRAIN_ON_STOP a stop waits for the running task; a second stop doesn't."""
    with Node(tmp_path, sql, OCTO_NODE_DRAIN_ON_STOP="60", STANDIN_OCTOPUS_POLL="0.2") as node:
        node.start().wait_phase("up")
        task(node, 4 if stops == 1 else 60)
        node.send()
        if stops == 2:
            node.wait_log("1 task running")
            node.send()

        assert node.wait() == 0, node.log
        states = [text for (text,) in sql.query(DATABASE, "SELECT State FROM ServerTask")]
        assert states == ["Success" if stops == 1 else "Canceled"]


def test_old_server(tmp_path: Path, sql: SqlServer) -> None:
    """A server that gives up waiting early, as those before 2025.3.10568 did, doesn't end our drain early."""
    with Node(tmp_path, sql, "2024.1.12", STANDIN_OCTOPUS_POLL="0.2", STANDIN_OCTOPUS_DRAIN_CUT="1") as node:
        node.start().wait_phase("up")
        running = task(node, 4)
        done = node.verb("drain", "--wait", "60", "--cancel-tasks")

        assert done.returncode == 0, done.stderr
        assert state(node, running) == "Success"


def test_not_undrained_behind_our_back(tmp_path: Path, sql: SqlServer) -> None:
    """A drain that is asked for while the node starts is not undone by settle."""
    with Node(tmp_path, sql, STANDIN_OCTOPUS_READY_AFTER="3") as node:
        node.start().wait_phase("starting")
        drain = node.verb("drain", "--wait", "20")
        node.wait_phase("up")

        assert drain.returncode == 0, drain.stderr
        assert node.verb("probe", "liveness").stdout.strip() == "liveness: 418"
