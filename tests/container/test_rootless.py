"""Execution containers without a privileged container: a rootless engine in the node, and one in a sidecar."""

import json
from collections.abc import Iterator

import pytest
from container import images
from container.containers import HELD, Node, Sql, unique
from container.engine import docker
from container.test_dind import SERVER, STEP
from container.test_users import HOME, tmpfs
from processes import ROOT, wait_until


pytestmark = pytest.mark.timeout(900)  # the first test waits for the images

USER = "1001:0"
SECCOMP = f"--security-opt=seccomp={ROOT}/docker/seccomp/octo-node.json"
BARE = ("--user", USER, "--read-only", "--cap-drop=ALL")
# what a rootless engine needs besides
ENGINE = (
    *("--cap-add=SETUID", "--cap-add=SETGID", SECCOMP, "--security-opt=systempaths=unconfined"),
    *("--device=/dev/net/tun", "--volume=/var/lib/docker"),
)
# an image in whose folders every user may look
BOX = """
mkdir -p /tmp/box/bin && cp /bin/busybox /tmp/box/bin
tar -C /tmp/box -c bin | docker --host unix:///run/docker.sock import - box >/dev/null
"""
RESTRICTED = ("--security-opt=no-new-privileges",)


@pytest.fixture(scope="session")
def rootless_image(image: str) -> str:
    """Build the image."""
    return images.rootless(image)


@pytest.fixture
def node(rootless_image: str, network: str, sql: Sql) -> Iterator[Node]:
    """Give a node with a rootless engine that isn't started yet."""
    options = (*BARE, *ENGINE, *tmpfs(USER), "--tmpfs=/run/octo-engine:uid=1001,mode=0770")
    with Node(rootless_image, network, options, DISABLE_DIND="", OCTO_NODE_CONTAINERS="rootless") as one:
        yield one


def engine(node: Node) -> dict[str, object]:
    """Return what the status tells of the engine."""
    found: dict[str, object] = json.loads(node.verb("status", "--json").stdout)["dockerd"]
    return found


def wait_ready(node: Node, restarts: int = 0) -> None:
    """Wait until the engine has run a container, after so many restarts."""
    there = {"state": "ready", "restarts": restarts, "problem": None}
    try:
        wait_until(lambda: there.items() <= engine(node).items(), 60)
    except AssertionError as error:
        raise AssertionError(f"{error}: {engine(node)}\n{node.log}") from None


def test_a_rootless_engine(node: Node) -> None:
    """A step runs in the work folder, and the node can delete what it made; DOCKER_HOST and a link lead there."""
    node.start().wait_up()
    wait_ready(node)
    node.task("Success", Command=["sh", "-c", STEP])
    assert node.execute("cat", "/artifacts/run").split("\n") == ["said by the script", "0", "made", ""]
    assert node.execute("cat", "/artifacts/exec") == "inside\n"
    assert node.execute("rm", "-rf", f"{SERVER}/Work/1") == ""
    clean = node.execute("env", "-i", "/usr/bin/docker", "info", "--format", "{{.SecurityOptions}}")
    assert "name=rootless" in clean
    assert node.stop() == 0, node.log
    assert "killed" not in node.log


@pytest.mark.parametrize("name", ["rootlesskit", "dockerd"])
def test_it_is_killed(node: Node, name: str) -> None:
    """An engine that is killed is started again, and its containers, which live on, are killed before that."""
    node.start().wait_up()
    wait_ready(node)
    node.execute("sh", "-c", BOX)
    started = ("docker", "--host=unix:///run/docker.sock", "run", "--detach", "--user", "12:12", "box")
    node.execute(*started, "/bin/busybox", "sleep", "54321")
    server = json.loads(node.verb("status", "--json").stdout)["server"]["pid"]
    node.execute("pkill", "-KILL", "-x", "-o", name)
    wait_ready(node, restarts=1)
    assert "that an earlier dockerd left running." in node.log
    assert "sleep 54321" not in node.execute("ps", "-eo", "args")
    assert json.loads(node.verb("status", "--json").stdout)["server"]["pid"] == server
    assert node.stop() == 0, node.log


def test_a_task_outlives_the_stop(node: Node, sql: Sql) -> None:
    """A drain waits for a task in an execution container: the engine is there until the server is gone."""
    node.environ |= {"OCTO_NODE_DRAIN_ON_STOP": "600"}
    node.start().wait_up()
    wait_ready(node)
    node.execute("sh", "-c", BOX)
    task = node.task(Command=["docker", "run", "--rm", "-v", "/artifacts:/artifacts", "box", "/bin/busybox", *HELD])
    wait_until(lambda: node.execute("docker", "--host=unix:///run/docker.sock", "ps", "-q"), what="the container runs")
    assert node.stop_draining() == 0, node.log
    assert f"{task}\tSuccess" in sql.query("ServerTask", "Id, State")
    assert "killed" not in node.log


def test_what_it_lacks_is_told(image: str, network: str) -> None:
    """Without any of it the node ends with 17 and a sentence for each lack, before SQL Server is asked."""
    options = (*BARE, *RESTRICTED, *tmpfs(USER))
    with Node(image, network, options, DISABLE_DIND="", OCTO_NODE_CONTAINERS="rootless") as node:
        done = node.run()
    assert done.returncode == 17, done.stdout
    for lack in (
        "rootlesskit, slirp4netns, newuidmap, newgidmap aren't on PATH",
        "no user namespace can be made (Operation not permitted): the container's seccomp profile refuses it",
        "no-new-privileges is set",
        "newuidmap can't have SETGID and SETUID",
        "user 1001 has no name in /etc/passwd",
        "/dev/net/tun can't be opened",
        "/var/lib/docker, for images, can't be written by user 1001",
    ):
        assert f"A rootless engine isn't possible here, because {lack}" in done.stdout
    assert "SQL Server" not in done.stdout


@pytest.fixture
def sidecar(rootless_image: str, network: str) -> Iterator[str]:
    """Give the container of a rootless engine; its volumes are the node's."""
    name = unique("engine")
    shared = (f"--volume={name}-run:/run/octo-engine", f"--volume={name}-home:{HOME}")
    command = ("init", "--", "octo-node", "start-dockerd")
    options = ("--detach", f"--name={name}", *BARE, *ENGINE, *shared, "--tmpfs=/tmp:exec")
    docker("run", *options, "--env=OCTO_NODE_CONTAINERS=rootless", rootless_image, *command)
    yield name
    docker("rm", "--force", "--volumes", name)
    docker("volume", "rm", f"{name}-run", f"{name}-home")


def test_a_sidecar(rootless_image: str, network: str, sql: Sql, sidecar: str) -> None:
    """A restricted node uses the sidecar's engine: owners are right, and a stop of the node leaves the engine alone."""
    shared = (f"--volume={sidecar}-run:/run/octo-engine", f"--volume={sidecar}-home:{HOME}")
    options = [each for each in tmpfs(USER) if not each.startswith(f"--tmpfs={HOME}:")]
    environ = {"DISABLE_DIND": "", "OCTO_NODE_CONTAINERS": "external"}
    environ["DOCKER_HOST"] = "unix:///run/octo-engine/docker.sock"
    # an empty volume would get the owner of the image's folder each time that it is mounted
    owner = ("--user=0", f"--volume={sidecar}-home:/v", "--entrypoint=sh", rootless_image)
    docker("run", "--rm", *owner, "-c", f"touch /v/.kept; chown {USER} /v")
    with Node(rootless_image, network, (*BARE, *RESTRICTED, *options, *shared), **environ) as node:
        node.start().wait_up()
        wait_ready(node)
        node.task("Success", Command=["sh", "-c", STEP])
        assert node.execute("cat", "/artifacts/run").split("\n") == ["said by the script", "0", "made", ""]
        assert node.execute("stat", "-c", "%u:%g", f"{SERVER}/Work/1/made") == "1001:0\n"
        assert node.execute("rm", "-rf", f"{SERVER}/Work/1") == ""
        server = json.loads(node.verb("status", "--json").stdout)["server"]["pid"]
        docker("restart", "--time=20", sidecar)
        wait_ready(node, restarts=1)
        assert json.loads(node.verb("status", "--json").stdout)["server"]["pid"] == server
        assert node.stop() == 0, node.log
    assert docker("exec", sidecar, "docker", "--host=unix:///run/octo-engine/docker.sock", "ps", "-q").stdout == ""
