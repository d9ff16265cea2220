"""Drains with something in the way: none is lost while time is left, none lasts beyond it, and each can be read."""

import fcntl
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from node import DATABASE, Node
from processes import OCTO_NODE, ROOT, enter, wait_until
from standin.sqlserver.testing import SqlServer
from tasks import ask, state, task

from entrypoint.node.drain import GRACE_SECONDS
from entrypoint.node.drain_deadlines import LOOK_SECONDS


SLACK = 15  # seconds: this machine may be busy


def states(sql: SqlServer) -> list[str]:
    """Return the states of all tasks."""
    return [text for (text,) in sql.query(DATABASE, "SELECT State FROM ServerTask")]


# --- what the server's command line and its API do


def test_the_command_fails_though_the_flag_is_set(node: Node) -> None:
    """A `node --drain=true` that exits with 1 because tasks run has set the flag: they are counted and cancelled."""
    node.control(drain_exit="always")
    running = task(node, 60)
    done = node.verb("drain", "--wait", "3", "--cancel-tasks", "--cancel-wait", "20")

    assert done.returncode == 0, done.stderr
    assert "The node shows that the flag is set, though the command failed." in done.stderr
    assert f"1 task was still running: {running} " in done.stderr
    assert state(node, running) == "Canceled"


def test_marked_as_offline_is_not_drained(tmp_path: Path, sql: SqlServer) -> None:
    """The ping answers 418 for a node that is marked as offline, too: whether it is drained its row tells."""
    with Node(tmp_path / "offline", sql, STANDIN_OCTOPUS_HEARTBEAT="600") as node:
        node.start().wait_phase("up")
        node.control(fail={"node": {"code": 1, "text": "Timeout expired.", "when": "before"}})
        sql.query(DATABASE, "UPDATE dbo.OctopusServerNodeStatus SET IsOffline = 1")
        done = node.verb("drain", "--wait", "3")
        assert (done.returncode, sql.query(DATABASE, "SELECT IsInMaintenanceMode FROM OctopusServerNode")) == (
            21,
            [(0,)],
        )
        assert "it is marked as offline" in done.stderr
        assert "is drained" not in done.stderr + node.verb("status").stdout


def test_a_key_that_sees_no_tasks(node: Node) -> None:
    """An API that shows no task, to a key that may see none, is no proof: the database has to agree."""
    running = task(node, 60)
    node.control(answers={"path": "/api/tasks", "status": 200, "body": '{"Items": [], "TotalResults": 0}'})
    done = node.verb("drain", "--wait", "2", OCTO_NODE_API_KEY="API-SECRETOFTHETEST")
    assert done.returncode == 20, done.stderr
    assert running in done.stderr


def test_a_name_that_no_node_has(node: Node) -> None:
    """Of a node that the database doesn't know no task is seen, which doesn't mean that none runs."""
    task(node, 60)
    node.environment |= {"OCTOPUS_SERVER_NODE_NAME": "octopus-zero", "ADMIN_API_KEY": ""}
    done = node.verb("drain", "--wait", "2")
    assert done.returncode == 21, done.stderr
    assert "the database has no node named octopus-zero: give this process the OCTOPUS_SERVER_NODE_NAME" in done.stderr
    assert "Whether any had to be waited for is unknown." in done.stderr
    assert "is drained" not in done.stderr
    shown = node.verb("status", "--json")
    assert json.loads(shown.stdout)["tasks"] is None


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"path": "all", "status": 302, "headers": {"Location": "/app#/users/sign-in"}}, "answered 302"),
        ({"path": "all", "status": 429, "retry_after": 30}, "answered 429"),
        ({"path": "all", "status": 500}, "answered 500"),
        ({"path": "all", "body": "headers"}, "doesn't answer"),
        ({"path": "api", "body": "endless"}, "still running"),
        ({"path": "api", "body": "trickle"}, "still running"),
    ],
)
def test_the_database_counts_where_the_api_does_not(node: Node, answers: dict[str, object], said: str) -> None:
    """A task is counted, to the deadline and no longer, whatever the server answers, and the log has the code."""
    running = task(node, 60)
    node.control(answers=answers)
    begun = time.monotonic()
    done = node.verb("drain", "--wait", "2", seconds=120)

    assert done.returncode == 20, done.stderr
    assert f"1 task was still running: {running} Deploy web 1.4 to Production. The node stays draining." in done.stderr
    assert said in done.stderr
    assert time.monotonic() - begun < 2 + GRACE_SECONDS + SLACK


def test_a_command_that_hangs_does_not_use_up_the_time(node: Node) -> None:
    """With a `node` command that never ends, a drain ends within its wait and the grace, and says that it couldn't."""
    node.control(hang=["node"], ignore_term_commands=True)
    begun = time.monotonic()
    done = node.verb("drain", "--wait", "3", seconds=120)

    assert done.returncode == 21, done.stderr
    assert "The node can't be drained" in done.stderr
    assert time.monotonic() - begun < 3 + GRACE_SECONDS + SLACK


def test_a_look_at_the_deadline_has_its_time(node: Node, sql: SqlServer) -> None:
    """With every answer, login and query slow, none of them too slow, a look has one time limit for all."""
    node.control(
        fail={"node": {"code": 1, "text": "Timeout expired.", "when": "before"}},
        answers=[{"path": "ping", "status": 500, "wait": 4.5}, {"path": "api", "wait": 4.5}],
    )
    slow = "sys.columns|ServerTask|OctopusServerNode"
    sql.control(login_delay=4.5, statement_delay=[{"match": slow, "seconds": 4.5}])
    begun = time.monotonic()
    done = node.verb("drain", "--wait", "0", seconds=120)
    assert time.monotonic() - begun < LOOK_SECONDS + SLACK, done.stderr
    assert done.returncode == 21, done.stderr
    assert "the running tasks couldn't be counted" in done.stderr


def test_a_command_that_hung_is_tried_again(node: Node) -> None:
    """A `node` command that waits for an answer that never comes leaves time for another one."""
    node.control(hang=["node"])
    command = [*enter(node.pid), *OCTO_NODE, "drain", "--wait", "60"]
    with subprocess.Popen(command, env=node.environment, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        node.wait_log("hasn't ended yet")
        node.control()
        assert process.wait(60 + GRACE_SECONDS + SLACK) == 0, node.log
    assert "The node is drained: no task runs on it." in node.wait_log("is drained")


def test_a_stalled_reader_does_not_hold_it_up(node: Node) -> None:
    """A drain whose output nobody reads ends in its time."""
    task(node, 60)
    read, write = os.pipe()
    os.write(write, bytes(fcntl.fcntl(write, fcntl.F_GETPIPE_SZ)))
    command = [*enter(node.pid), *OCTO_NODE, "drain", "--wait", "2"]
    with subprocess.Popen(command, env=node.environment, cwd=ROOT, stderr=write) as process:
        try:
            assert process.wait(2 + GRACE_SECONDS + SLACK) == 20
        finally:
            process.kill()
            os.close(read)
            os.close(write)


def test_sql_server_comes_back(tmp_path: Path, sql: SqlServer) -> None:
    """A stop whose drain finds SQL Server frozen for longer than half a minute waits for the task all the same."""
    with Node(tmp_path, sql, OCTO_NODE_DRAIN_ON_STOP="150", STANDIN_OCTOPUS_POLL="0.2") as node:
        node.start().wait_phase("up")
        running = task(node, 60)
        assert sql.process is not None
        node.send()
        node.wait_log("1 task running")
        sql.process.send_signal(signal.SIGSTOP)
        begun = time.monotonic()
        wait_until(lambda: time.monotonic() - begun > 40, 60)
        assert "Octopus.Server ended" not in node.log
        sql.process.send_signal(signal.SIGCONT)

        assert node.wait(200) == 0, node.log
        assert "1 task running, " in node.log
        assert running in node.log
        assert states(sql) == ["Success"]
        assert node.termination == ""


# --- what is written only helps


def test_settle_ends_whatever_cannot_be_written(tmp_path: Path, sql: SqlServer) -> None:
    """A node that answers is up, though its timeline can't be kept."""
    with Node(tmp_path, sql, STANDIN_OCTOPUS_READY_AFTER="2") as node:
        node.start().wait_phase("starting")
        (node.run_dir / "settle.json" / "in-the-way").mkdir(parents=True)
        node.wait_phase("up")
        assert "The record of this start can't be written." in node.log
        assert "settle exited unexpectedly" not in node.log


# --- what is said


def test_a_hook_is_read_in_the_containers_log(node: Node) -> None:
    """Each line of a drain beside the node is in its log; a stop after it names the tasks that it cuts off, twice."""
    running = task(node, 60)
    done = node.verb("drain", "--wait", "1")
    assert done.returncode == 20
    for line in done.stderr.splitlines():
        assert line in node.wait_log(line)
    assert node.log.count("At the deadline 1 task was still running") == 1

    assert node.terminate() == 0
    begin = r"The stop (may cut|cuts) off 1 task, which the node's drain saw running at "  # whether it was long ago
    assert re.match(begin, node.termination)
    assert node.termination.endswith(f": {running} Deploy web 1.4 to Production.")
    assert node.termination in node.log


def test_a_drain_that_is_undone_is_forgotten(node: Node) -> None:
    """After an undrain a stop cuts off nothing that anybody drained for."""
    task(node, 60)
    assert node.verb("drain", "--wait", "0").returncode == 20
    assert node.verb("undrain").returncode == 0
    assert node.terminate() == 0
    assert "the node's drain saw" not in node.termination


def test_a_stop_whose_drain_fails_is_no_stop_in_order(tmp_path: Path, sql: SqlServer) -> None:
    """With tasks left at the end of OCTO_NODE_DRAIN_ON_STOP the container ends with 20, and names them."""
    with Node(tmp_path, sql, OCTO_NODE_DRAIN_ON_STOP="1", STANDIN_OCTOPUS_POLL="0.2") as node:
        node.start().wait_phase("up")
        running = task(node, 60)
        assert node.terminate() == 20, node.log
        assert "The stop cuts off 1 task" in node.termination
        assert running in node.termination
        assert node.log.count("At the deadline 1 task was still running") == 1


def status(node: Node) -> str:
    """Return what `status` prints."""
    return node.verb("status").stdout


def test_status_says_what_is(node: Node) -> None:
    """`status` asks: draining with its tasks, drained on purpose or in the portal, an error, a suspended server."""
    assert "draining" not in status(node)
    running = task(node, 60)
    assert node.verb("drain", "--wait", "0").returncode == 20
    told = status(node).splitlines()
    assert re.fullmatch(r"octopus-0 is draining since \d\d:\d\d, 1 task left", told[0])
    assert re.fullmatch(rf"tasks +{running} +\d+ s  Deploy web 1\.4 to Production", told[1])

    ask(node, f"/api/tasks/{running}/cancel", {})
    assert node.verb("drain", "--wait", "20").returncode == 0
    assert status(node).startswith("octopus-0 is drained since ")

    assert node.verb("undrain").returncode == 0
    own = ask(node, "/api/octopusservernodes")["Items"][0]
    ask(node, f"/api/octopusservernodes/{own['Id']}", {**own, "IsInMaintenanceMode": True}, method="PUT")
    assert "no new tasks are taken, though not by octo-node" in status(node)
    assert node.verb("undrain").returncode == 0

    node.control(answers={"path": "ping", "status": 500})
    assert ", but Octopus.Server answers with 500\n" in status(node)
    os.kill(node.server(), signal.SIGSTOP)
    assert "Octopus.Server is suspended by a signal" in status(node)


# --- settle


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"status": 303, "headers": {"Location": "https://localhost/"}}, ""),
        ({"status": 429, "retry_after": 7}, ""),
        ({"status": 503, "seconds": 2}, "answered 503"),
        ({"body": "headers", "times": 1}, "doesn't answer"),
    ],
)
def test_settle_is_content_with_a_node_that_is_alive(
    tmp_path: Path, sql: SqlServer, answer: dict[str, object], said: str
) -> None:
    """A ping that redirects, or is limited, is a sign of life: the row tells the rest. What is no answer is told."""
    with Node(tmp_path, sql) as node:
        node.control(answers={"path": "ping", **answer})
        node.start().wait_phase("up")
        assert said in node.log
