"""A node in a container: refusal, start, health, verbs, stop, restart."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from container.containers import HELD, Node, Sql
from container.engine import docker
from processes import slowness, wait_until


pytestmark = pytest.mark.timeout(900)  # the first test waits for the images

# a deployment script that tells when it is sent TERM
SCRIPT = """
import signal, time
def told(*_):
    open("/artifacts/term", "a").write("%f\\n" % time.time())
signal.signal(signal.SIGTERM, told)
open("/artifacts/begun", "w").close()
while True:
    time.sleep(0.1)
"""


@pytest.fixture
def node(image: str, network: str, sql: Sql) -> Iterator[Node]:
    """Give a node that isn't started yet."""
    with Node(image, network) as one:
        yield one


def test_without_eula(image: str, network: str, tmp_path: Path) -> None:
    """Without an accepted EULA a container ends with 10 and one clear line, in the log and as termination message.

    Where to read more stands below it.
    """
    message = tmp_path / "termination-log"
    message.touch()
    mount = f"--volume={message}:/dev/termination-log"
    with Node(image, network, (mount,), ACCEPT_EULA="") as node:
        done = node.run()
    assert done.returncode == 10
    complaint = [line for line in done.stdout.splitlines() if "EULA" in line]
    assert len(complaint) == 1, done.stdout
    told = message.read_text().strip()
    assert told.startswith("You must accept the EULA")
    assert "ACCEPT_EULA=Y" in told
    first, pointer = told.splitlines()
    assert first in complaint[0]
    assert pointer.endswith("octo-node explain 10")


def test_health(node: Node) -> None:
    """Health turns healthy, and its log has a line that can be read."""
    node.start().wait_up()
    wait_until(lambda: node.inspect("{{.State.Health.Status}}") == "healthy", what="healthy")
    last = json.loads(node.inspect("{{json .State.Health}}"))["Log"][-1]
    assert (last["ExitCode"], last["Output"]) == (0, "liveness: yes (200)\n")


def test_verbs(node: Node) -> None:
    """The verbs work through `docker exec`."""
    node.start().wait_up()
    for kind in ("startup", "liveness", "readiness"):
        done = node.verb("probe", kind)
        assert (done.returncode, done.stdout) == (0, f"{kind}: yes (200)\n")
    assert "up after" in node.verb("status").stdout
    assert json.loads(node.verb("status", "--json").stdout)["live"] is True
    check = node.verb("check")
    assert check.returncode == 0, check.stdout
    drain = node.verb("drain", "--wait", "30")
    assert drain.returncode == 0, drain.stdout
    assert node.verb("probe", "liveness").stdout == "liveness: yes (418, draining)\n"
    undrain = node.verb("undrain")
    assert undrain.returncode == 0, undrain.stdout
    assert node.verb("probe", "liveness").stdout == "liveness: yes (200)\n"
    assert node.verb("version").stdout.startswith("octo-node ")
    assert node.verb("prob", "liveness").returncode == 127


def test_stop_with_drain(node: Node, sql: Sql) -> None:
    """`docker stop` waits for a running task, where a drain is asked for; the exit code is the server's."""
    node.environ |= {"OCTO_NODE_DRAIN_ON_STOP": "600", "STANDIN_OCTOPUS_TERM_EXIT": "7"}
    node.start().wait_up()
    task = node.task(Command=HELD)
    assert node.stop_draining() == 7, node.log
    assert f"{task}\tSuccess" in sql.query("ServerTask", "Id, State")
    assert "1 task running" in node.log
    assert "killed" not in node.log


def test_stop_without_drain(node: Node) -> None:
    """Without a drain the server gets TERM at once: it ends the task, and its exit code is the container's."""
    node.environ["STANDIN_OCTOPUS_TERM_EXIT"] = "7"
    node.start().wait_up()
    node.task(Seconds=60)
    begun = time.monotonic()
    assert node.stop() == 7, node.log
    assert time.monotonic() - begun < 15 * slowness()


def test_stop_spares_scripts(node: Node, tmp_path: Path) -> None:
    """A stop's TERM is for the server alone: a script under it is sent one when the server is gone."""
    patience = 5
    node.environ |= {"STANDIN_OCTOPUS_IGNORE_TERM": "true", "OCTO_NODE_STOP_TIMEOUT": str(patience)}
    node.start().wait_up()
    node.task(Command=["python3", "-c", SCRIPT])
    wait_until(lambda: docker("exec", node.name, "ls", "/artifacts/begun", check=False).returncode == 0)
    begun = time.time()
    assert node.stop() == 128 + signal.SIGKILL, node.log
    docker("cp", f"{node.name}:/artifacts/term", str(tmp_path))
    told = (tmp_path / "term").read_text().split()
    assert float(told[0]) - begun >= patience - 0.5


def test_restart(node: Node) -> None:
    """`docker restart` runs no configure command; neither does a start after KILL, and both bring the node up."""
    node.start().wait_up()
    begun = node.commands()
    assert begun
    docker("restart", "--time=60", node.name)
    assert node.wait_up().commands() == begun
    docker("kill", "--signal=KILL", node.name)
    docker("wait", node.name)
    docker("start", node.name)
    assert node.wait_up().commands() == begun
    assert node.stop() == 0
