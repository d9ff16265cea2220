"""Docker-in-Docker, with a real dockerd in the node."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from container.containers import HELD, ORPHANS, Node, Sql, nested
from container.engine import docker
from processes import wait_until


pytestmark = pytest.mark.timeout(900)  # the first test waits for the images

SERVER = "/home/octopus/.octopus/OctopusServer/Server"
# as the built-in worker does it: a script in the work folder, run in a container that sees this folder
IMPORT = "tar -C / -c bin/busybox | docker import - box >/dev/null"
STEP = f"""
set -e
work={SERVER}/Work/1
mkdir -p $work
echo 'echo said by the script; id -u; echo made >made' >$work/script
{IMPORT}
{{ docker run --rm -v $work:/work -w /work box /bin/busybox sh script; cat $work/made; }} >/artifacts/run
docker run --detach --name held box /bin/busybox sleep 1000
docker exec held /bin/busybox echo inside >/artifacts/exec
docker rm --force held
"""


@pytest.fixture
def node(image: str, network: str, sql: Sql) -> Iterator[Node]:
    """Give a node with Docker-in-Docker that isn't started yet."""
    options, environ = nested()
    with Node(image, network, options, **environ) as one:
        yield one


def dockerd(node: Node) -> dict[str, object]:
    """Return what the state tells of dockerd."""
    found: dict[str, object] = json.loads(node.verb("status", "--json").stdout)["node"]["dockerd"]
    return found


def wait_ready(node: Node, seconds: float, restarts: int = 0) -> None:
    """Wait until dockerd answers, after so many restarts."""
    there = {"state": "ready", "restarts": restarts}
    try:
        wait_until(lambda: there.items() <= dockerd(node).items(), seconds)
    except AssertionError as error:
        raise AssertionError(f"{error}: {dockerd(node)}\n{node.log}") from None


def test_execution_containers(node: Node) -> None:
    """From below the server `docker run` with its work folder mounted, and `docker exec`, work."""
    node.start().wait_up()
    assert node.execute("sh", "-c", "tr '\\0' ' ' </proc/1/cmdline").rstrip().endswith("octo-node run")
    node.task("Success", Command=["sh", "-c", STEP])
    assert node.execute("cat", "/artifacts/run").split("\n") == ["said by the script", "0", "made", ""]
    assert node.execute("cat", "/artifacts/exec") == "inside\n"
    wait_until(lambda: node.inspect("{{.State.Health.Status}}") == "healthy", 60, "healthy")
    last = json.loads(node.inspect("{{json .State.Health}}"))["Log"][-1]
    assert (last["ExitCode"], last["Output"]) == (0, "liveness: 200\n")
    assert re.search(r"^dockerd is ready: process \d+, restarts: 0$", node.verb("status").stdout, re.MULTILINE)
    assert node.execute("python3", "-c", ORPHANS).endswith(" 0 zombies\n")


def test_what_dockerd_is_given(node: Node) -> None:
    """Nothing listens on 2375 or 2376; dockerd has no secret; mounts reach containers as on any host."""
    node.start().wait_up()
    listening = node.execute("ss", "-ltn")
    assert ":8080 " in listening
    assert not re.search(":237[56] ", listening)
    environment = node.execute("cat", f"/proc/{dockerd(node)['pid']}/environ").split("\0")
    assert "container=docker" in environment
    assert node.environ["ADMIN_PASSWORD"] not in "\n".join(environment)
    assert "shared" in node.execute("findmnt", "-n", "-o", "PROPAGATION", "/")
    assert "dockerd uses this iptables." in node.log
    assert "can't start a container" not in node.log


def test_dockerd_is_killed(node: Node) -> None:
    """A dockerd that is killed is replaced within 2 s, and answers within 15; the server is the same."""
    node.start().wait_up()
    state = json.loads(node.verb("status", "--json").stdout)["node"]
    node.execute("kill", "-KILL", str(state["dockerd"]["pid"]))
    wait_ready(node, 15, restarts=1)
    assert "dockerd exited unexpectedly and will be restarted in 1 s. code=137" in node.log
    assert dockerd(node)["pid"] != state["dockerd"]["pid"]
    assert json.loads(node.verb("status", "--json").stdout)["node"]["server"] == state["server"]
    assert node.execute("docker", "ps", "--quiet") == ""
    assert node.stop() == 0


def test_without_privileges(image: str, network: str) -> None:
    """Without privileges the node ends with 17, and one sentence, before SQL Server is asked."""
    with Node(image, network, DISABLE_DIND="") as node:
        done = node.run()
    assert done.returncode == 17, done.stdout
    (complaint,) = (line for line in done.stdout.splitlines() if "preflight" in line and "error" in line)
    assert "CAP_SYS_ADMIN is missing" in complaint
    assert "are read-only: run the container with --privileged, or set DISABLE_DIND=Y." in complaint
    assert "SQL Server" not in done.stdout


def test_another_engines_socket(image: str, network: str, tmp_path: Path) -> None:
    """Where the host's socket is mounted, a dockerd couldn't have its own: 17."""
    (tmp_path / "docker.sock").touch()
    options, environ = nested()
    with Node(image, network, [*options, f"--volume={tmp_path}/docker.sock:/var/run/docker.sock"], **environ) as node:
        done = node.run()
    assert done.returncode == 17, done.stdout
    assert "socket is mounted on /var/run/docker.sock" in done.stdout


def test_images_on_overlay(image: str) -> None:
    """Without a volume for dockerd's images there is a warning that names the consequence and the mend."""
    given = [f"--env={name}={value}" for name, value in Node.usual().items() if name != "DISABLE_DIND"]
    done = docker("run", "--rm", "--privileged", *given, image, "check", check=False)
    assert "warning: /var/lib/docker is on overlay" in done.stdout
    assert "Mount a volume there." in done.stdout


def test_stop_with_drain(node: Node, sql: Sql) -> None:
    """A drain waits for a task in an execution container: dockerd is there until the server is gone."""
    node.environ |= {"OCTO_NODE_DRAIN_ON_STOP": "600", "STANDIN_OCTOPUS_TERM_EXIT": "7"}
    node.start().wait_up()
    node.execute("sh", "-c", IMPORT)
    task = node.task(Command=["docker", "run", "--rm", "-v", "/artifacts:/artifacts", "box", "/bin/busybox", *HELD])
    wait_until(lambda: node.execute("docker", "ps", "--quiet"), what="the container runs")
    assert node.stop_draining() == 7, node.log
    assert f"{task}\tSuccess" in sql.query("ServerTask", "Id, State")
    assert "killed" not in node.log
    assert node.log.index("Octopus.Server ended with exit code 7.") < node.log.index("Processing signal 'terminated'")


def test_restart(node: Node) -> None:
    """After `docker restart`, and after KILL, node and dockerd are up again, without a configure command."""
    node.start().wait_up()
    begun = node.commands()
    node.execute("sh", "-c", IMPORT)
    node.execute("docker", "run", "--detach", "--restart=no", "box", "/bin/busybox", "sleep", "1000")
    docker("restart", "--time=60", node.name)
    assert node.wait_up().commands() == begun
    wait_ready(node, 30)
    docker("kill", "--signal=KILL", node.name)
    docker("wait", node.name)
    docker("start", node.name)
    assert node.wait_up().commands() == begun
    wait_ready(node, 30)
    assert node.execute("docker", "run", "--rm", "box", "/bin/busybox", "echo", "kept") == "kept\n"
    assert node.stop() == 0
