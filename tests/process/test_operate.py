"""What an operator looks at and reaches for: status, nodes, server, configure, a held node, a drain on a terminal."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import status_schema
import transcripts
from node import DATABASE, Node
from processes import NAMESPACE, OCTO_NODE, ROOT, arguments, children, enter, wait_until
from standin.octopus.install import install
from standin.sqlserver.testing import SqlServer
from tasks import state, task
from terminal import Terminal


KEY = {"MASTER_KEY": "6EdU6IWsCtMEwk0kPKflQQ=="}
SECRETS = ("S3cret-of-the-admin!", "API-SECRETOFTHETEST", "Passw0rd!", KEY["MASTER_KEY"])


@pytest.fixture
def node(tmp_path: Path, sql: SqlServer) -> Iterator[Node]:
    """A node that isn't started."""
    with Node(tmp_path / "one", sql, STANDIN_OCTOPUS_POLL="0.2", **KEY) as found:
        yield found


def look(node: Node, *words: str, code: int = 0) -> dict[str, Any]:
    """Return what `status --json` tells, which keeps to its schema and has no secret in it."""
    done = node.verb("status", "--json", *(words or ("--timeout=20",)))
    assert done.returncode == code, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    jsonschema.validate(found, status_schema.document())
    assert not [secret for secret in SECRETS if secret in done.stdout]
    return found


def beside(node: Node, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a verb where the node has been, once it has ended: its run folder is still there."""
    environ = {name: value for name, value in node.environment.items() if value}
    return subprocess.run(
        [*OCTO_NODE, *words], env=environ, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_documents_transcripts(tmp_path: Path) -> None:
    """What the documents show is what real nodes say: waiting, up, draining, in trouble, held, failed, ended."""
    found = transcripts.record(tmp_path)
    assert transcripts.differences(found) == []
    assert not [secret for secret in SECRETS if secret in repr(found)]


def test_status_is_bounded_whatever_hangs(node: Node, sql: SqlServer) -> None:
    """With a server and a SQL Server that hang, status tells what it can: which don't answer, and all the rest."""
    node.start().wait_phase("up")
    assert look(node)["unknown"] == {}
    node.control(hang_http=True)
    assert sql.process is not None
    os.kill(sql.process.pid, signal.SIGSTOP)
    try:
        found = look(node, "--timeout=3")
    finally:
        os.kill(sql.process.pid, signal.SIGCONT)
    assert found["took"] < 20, "one timeout, however many hang"
    assert found["sql"]["trouble"] == "no answer within 3 s"
    assert found["ping"]["status"] == 0
    assert found["summary"].endswith(", but Octopus.Server doesn't answer")
    assert found["server"]["memory_bytes"] > 0


def test_how_a_node_ended_outlives_it(node: Node) -> None:
    """The run folder tells why a node ended, and the next start what the last end was; a kill is told as one."""
    node.environment["TASK_CAP"] = "many"
    assert node.start().wait() == 11
    ended = beside(node, "status")
    assert ended.returncode == 1
    assert ended.stdout.startswith("octopus-0 failed with exit code 11: TASK_CAP is 'many', but ")
    node.environment["TASK_CAP"] = "3"
    node.start().wait_phase("up")
    last = look(node)["last_end"]
    assert (last["phase"], last["code"]) == ("failed", 11)
    assert last["reason"].startswith("TASK_CAP is 'many'")
    node.control(run_exit=7)
    assert node.wait() == 7
    assert beside(node, "status").stdout.startswith("octopus-0 ended at ")
    assert "with exit code 7: Octopus.Server ended by itself" in beside(node, "status").stdout
    node.control()
    node.start().wait_phase("preflight", "preparing")
    node.close()
    assert "octopus-0 was killed while it was " in beside(node, "status").stdout


def test_where_no_node_runs(tmp_path: Path) -> None:
    """Where process 1 isn't a node, status says what it is, and ends with 1."""
    install(tmp_path / "Octopus")
    environ = {"PATH": os.environ["PATH"], "OCTO_NODE_RUN_DIR": str(tmp_path / "run"), "DISABLE_DIND": "Y"}
    command = [*NAMESPACE, "sh", "-c", '"$@"; exit $?', "sh", *OCTO_NODE, "status"]
    done = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stdout.startswith("no node runs here: process 1 is sh, not `octo-node run`")
    # and as process 1 itself it is run below `init`, so that Ctrl-C reaches it
    done = subprocess.run(
        [*NAMESPACE, *OCTO_NODE, "status"],
        env=environ,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, "process 1 is octo-node" in done.stdout) == (1, True), done


def test_orphans_are_counted(node: Node) -> None:
    """Status tells how many orphans process 1 has reaped."""
    node.start().wait_phase("up")
    subprocess.run([*enter(node.pid), "sh", "-c", "(sleep 0.1 &) ; (sleep 0.1 &)"], check=True, timeout=60)
    wait_until(lambda: node.state().get("reaped") == 2, what="they are counted, without anything else happening")


def test_watch_needs_a_terminal(node: Node) -> None:
    """On a pipe `status --watch` is refused in one sentence; on a terminal it goes on until Ctrl-C."""
    node.start().wait_phase("up")
    done = node.verb("status", "--watch")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "needs a terminal" in done.stderr
    environ = {name: value for name, value in node.environment.items() if value}
    terminal = Terminal([*enter(node.pid), *OCTO_NODE, "status", "--watch", "--timeout=20"], environ)
    terminal.wait(lambda text: "octopus-0 is up since" in text)
    assert b"\x1b[1;32moctopus-0 is up" in terminal.raw, "in colour, on a terminal"
    node.verb("drain", "--wait=0")
    terminal.wait(lambda text: "octopus-0 is drained since" in text)
    os.kill(children(terminal.process.pid)[0], signal.SIGINT)
    assert "octopus-0 is drained since" in terminal.end()
    terminal.close()
    terminal = Terminal([*enter(node.pid), *OCTO_NODE, "status"], environ | {"NO_COLOR": "1"})
    terminal.end()
    terminal.close()
    assert b"\x1b[1;32m" not in terminal.raw
    assert b"\x1b[32m" not in terminal.raw


def test_nodes_are_told_and_removed(tmp_path: Path, node: Node, sql: SqlServer) -> None:
    """A row is removed by the API: not of a node that lives, not of a name that isn't there, its key may be needed."""
    with Node(tmp_path / "two", sql, OCTOPUS_SERVER_NODE_NAME="octopus-1", TASK_CAP="3", **KEY) as other:
        other.start().wait_phase("up")
        node.start().wait_phase("up")
        found = {each["name"]: each for each in json.loads(node.verb("nodes", "--json").stdout)["nodes"]}
        assert {name: (each["is_this"], each["is_alive"], each["cap"]) for name, each in found.items()} == {
            "octopus-0": (True, True, 5),
            "octopus-1": (False, True, 3),
        }
        refused = node.verb("nodes", "remove", "octopus-1")
        assert (refused.returncode, "is alive" in refused.stderr) == (1, True)
        assert node.verb("nodes", "remove", "OCTOPUS-0").returncode == 1, "this one"
        misspelt = node.verb("nodes", "remove", "octopus-11")
        assert (misspelt.returncode, "did you mean octopus-1?" in misspelt.stderr) == (2, True)
        assert other.terminate() == 0
    assert node.verb("nodes", "remove", "octopus-1", ADMIN_API_KEY="").returncode == 21
    assert node.verb("nodes", "remove", "octopus-1", OCTO_NODE_API_KEY="API-OFNOBODY").returncode == 21
    done = node.verb("nodes", "remove", "octopus-1")
    assert done.returncode == 0, done.stderr
    assert sql.query(DATABASE, "SELECT Name FROM dbo.OctopusServerNode") == [("octopus-0",)]


def test_a_node_that_died_is_removed(node: Node, sql: SqlServer) -> None:
    """A node whose last sign of life is old, and doesn't move, is dead; with --force it needn't be."""
    node.start().wait_phase("up")
    for name, age in (("dead", -400), ("lives", -1)):
        sql.query(
            DATABASE,
            "INSERT INTO dbo.OctopusServerNode (Id, Name, Rank, MaxConcurrentTasks, IsInMaintenanceMode, JSON) "
            "VALUES (?, ?, '', 5, 0, '{}')",
            f"OctopusServerNodes-{name}",
            name,
        )
        sql.query(
            DATABASE,
            "INSERT INTO dbo.OctopusServerNodeStatus (Id, LastSeen, IsOffline, JSON) "
            "VALUES (?, DATEADD(second, ?, SYSDATETIMEOFFSET()), 0, '')",
            f"OctopusServerNodes-{name}",
            age,
        )
    assert "no sign of life" in node.verb("nodes").stdout
    assert node.verb("nodes", "remove", "dead").returncode == 0
    assert node.verb("nodes", "remove", "lives").returncode == 1
    assert node.verb("nodes", "remove", "lives", "--force").returncode == 0

    sql.query(
        DATABASE,
        "INSERT INTO dbo.OctopusServerNode (Id, Name, Rank, MaxConcurrentTasks, IsInMaintenanceMode, JSON) "
        "VALUES ('OctopusServerNodes-mute', 'mute', '', 5, 0, '{}')",
    )
    refused = node.verb("nodes", "remove", "mute")
    assert (refused.returncode, "isn't told by this database" in refused.stderr) == (1, True), refused.stderr
    assert node.verb("nodes", "remove", "mute", "--force").returncode == 0


def test_a_node_that_is_held(node: Node) -> None:
    """Held, it is configured and has no server: alive and not ready, repaired by the server's own commands."""
    node.environment["OCTO_NODE_HOLD"] = "Y"
    node.start().wait_phase("held")
    assert node.state()["server"] is None
    found = look(node)
    assert found["summary"].endswith(": configured, but Octopus.Server isn't started")
    codes = [node.verb("probe", kind).returncode for kind in ("startup", "liveness", "readiness")]
    assert codes == [0, 0, 1]
    shown = node.verb("server", "show-master-key")
    assert (shown.returncode, shown.stdout.strip()) == (0, "********")
    assert node.verb("server", "--unmasked", "show-master-key").stdout.strip() == KEY["MASTER_KEY"]
    again = node.verb("configure")
    assert (again.returncode, "The configuration is unchanged" in again.stderr) == (0, True)
    assert node.terminate() == 143


def test_a_node_that_cannot_be_configured_is_held_all_the_same(node: Node, sql: SqlServer) -> None:
    """With a lost master key prepare refuses (11), and the container stays, so that it can be repaired."""
    node.start().wait_phase("up")
    assert node.terminate() == 0
    node.environment |= {"OCTO_NODE_HOLD": "Y", "MASTER_KEY": ""}
    for path in (node.root / "home", node.root / "etc"):
        shutil.rmtree(path)
    node.start().wait_phase("held")
    assert "couldn't be configured (exit code 11)" in node.log
    assert look(node)["summary"].endswith(": not configured, and Octopus.Server isn't started")
    assert node.terminate() == 143


def test_configure_in_the_foreground(node: Node, sql: SqlServer) -> None:
    """`configure` does what a start does before the server, as process 1 too; where a node runs, it is refused (2)."""
    environ = {name: value for name, value in node.environment.items() if value}
    command = [*NAMESPACE, *OCTO_NODE, "configure"]
    done = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert sql.query(DATABASE, "SELECT COUNT(*) FROM dbo.[User]")[0][0] > 0
    wrong = environ | {"TASK_CAP": "many"}
    done = subprocess.run(command, env=wrong, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 11
    assert node.termination.startswith("TASK_CAP is 'many'")
    node.start().wait_phase("up")
    assert "The configuration is unchanged: no command is run." in node.log
    refused = node.verb("configure")
    assert (refused.returncode, "A node runs here" in refused.stderr) == (2, True)


def test_the_server_s_commands(node: Node) -> None:
    """`server` hands on verb, options, output and exit code; a server it doesn't start, and a verb it needs."""
    node.start().wait_phase("up")
    assert node.verb("server", "version").stdout.strip() == "2026.2.197"
    unknown = node.verb("server", "configure", "--nonsense=1")
    assert unknown.returncode == 1
    assert "Unrecognized command line arguments" in unknown.stdout
    assert [node.verb("server", *words).returncode for words in ((), ("run",), ("--help",))] == [2, 2, 0]
    assert "not supported" not in node.verb("server", "help", "configure").stdout


def test_a_server_s_command_that_leaves_a_process(node: Node) -> None:
    """A command is over when it has ended, whoever keeps its output open; a stop is handed on to it."""
    node.start().wait_phase("up")
    executable = node.folder / "Octopus/Octopus.Server"
    executable.write_text("#!/bin/sh\nsleep 1000 & echo said\n")
    done = node.verb("server", "show-thumbprint")
    assert (done.returncode, done.stdout) == (0, "said\n")
    executable.write_text("#!/bin/sh\ntrap 'exit 9' TERM; kill $PPID; while :; do sleep 0.1; done\n")
    assert node.verb("server", "show-thumbprint").returncode == 9


def test_a_drain_on_a_terminal(node: Node) -> None:
    """On a terminal a drain shows each task with its age and the time left, and sums up at the end."""
    node.start().wait_phase("up")
    gate = node.folder / "gate"
    running = task(node, 600, Command=["sh", "-c", f"until test -e {gate}; do sleep 0.1; done"])
    environ = {name: value for name, value in node.environment.items() if value}
    terminal = Terminal([*enter(node.pid), *OCTO_NODE, "drain", "--wait", "300"], environ)
    shown = terminal.wait(lambda text: "time left" in text)
    row = next(line for line in shown.splitlines() if line.startswith(running))
    assert row.endswith("Deploy web 1.4 to Production")
    assert row.count(" min ") == 1, row
    assert "1 task running" not in shown, "that is for pipes, and for the container's log"
    node.wait_log("1 task running, ", 20)
    gate.touch()
    shown = terminal.end()
    terminal.close()
    assert "time left" not in shown
    assert " for 1 task." in shown.replace("\n", "")
    assert state(node, running) == "Success"


def test_the_server_s_lines_as_json(node: Node) -> None:
    """With OCTO_NODE_WRAP_SERVER_LOG every line of the container is a JSON object, those of the server's end too."""
    node.environment |= {"OCTO_NODE_LOG_FORMAT": "json", "OCTO_NODE_WRAP_SERVER_LOG": "Y"}
    node.start().wait_phase("up")
    assert node.terminate() == 0, node.log
    lines = [json.loads(line) for line in node.log.splitlines()]
    assert {line.keys() >= {"time", "level", "process", "event"} for line in lines} == {True}
    said = [line["event"] for line in lines if line["process"] == "server"]
    assert len(said) > 1
    node.environment["OCTO_NODE_WRAP_SERVER_LOG"] = ""
    node.start().wait_phase("up")
    assert node.terminate() == 0
    assert set(said) & set(node.log.splitlines()), "what was wrapped is what it writes"


def test_a_wrapper_that_is_killed(node: Node) -> None:
    """The process that wraps the server's lines is replaced when it was killed."""
    node.environment |= {"OCTO_NODE_LOG_FORMAT": "json", "OCTO_NODE_WRAP_SERVER_LOG": "Y"}
    node.start().wait_phase("up")
    [wrapper] = [pid for pid in node.pids() if "wrap-log" in arguments(pid)]
    os.kill(wrapper, signal.SIGKILL)
    node.wait_log("is replaced")
    assert node.terminate() == 0, node.log
    lines = [json.loads(line) for line in node.log.splitlines()]
    assert lines[-1]["event"] == "octo-node exits with code 0."
    at = next(number for number, line in enumerate(lines) if "is replaced" in line["event"])
    assert [line for line in lines[at:] if line["process"] == "server"], node.log
