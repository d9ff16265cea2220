"""A rootless engine as process 1 does it: the real launcher, and stand-ins for rootlesskit and dockerd."""

import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from node import MODES
from process.test_dockerd import Nested
from scripted import nothing_left, up


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Nested]:
    """Give a node that isn't started yet; its root has a short path, because that of a socket must be."""
    root = Path(tempfile.mkdtemp(prefix="octo-"))
    with Nested(tmp_path, root) as one:
        one.socket = root / "runtime/docker.sock"
        one.environment |= {"OCTO_NODE_CONTAINERS": "rootless", "XDG_RUNTIME_DIR": str(root / "runtime")}
        yield one
    shutil.rmtree(root, ignore_errors=True)


@pytest.mark.parametrize("mode", MODES)
def test_it_is_started_in_rootlesskit(node: Nested, mode: str) -> None:
    """The launcher becomes rootlesskit, which starts it again; that becomes dockerd, in this user's own folders."""
    node.environment["OCTO_NODE_DOCKERD_ARGS"] = "--mtu 1400"
    node.script("server", "echo $DOCKER_HOST >told; exec sleep 1000")
    up(node, mode)
    node.wait_state("ready")
    (start,) = node.events("start")
    root, runtime = node.environment["OCTO_NODE_ROOT"], node.environment["XDG_RUNTIME_DIR"]
    places = [f"--data-root={root}/var/lib/docker", f"--exec-root={runtime}/docker", f"--pidfile={runtime}/docker.pid"]
    assert start["argv"] == [f"--host=unix://{node.socket}", *places, "--mtu", "1400"]
    kit = start["environ"]["STANDIN_ROOTLESSKIT"].split()
    assert kit[:3] == [f"--state-dir={runtime}/rootlesskit", "--copy-up=/etc", "--copy-up=/run"]
    assert "--disable-host-loopback" in kit
    assert Path(runtime).stat().st_mode & 0o777 == 0o700
    assert start["blocked"] == 0
    assert node.environment["ADMIN_PASSWORD"] not in str(start)
    node.wait_told(f"unix://{node.socket}")
    assert node.dockerd["pid"] == start["pid"]
    assert node.terminate() == 143
    assert nothing_left(node)


def test_the_socket_is_in_the_shared_folder(node: Nested) -> None:
    """Where there is a folder for it that other containers see, the socket is there."""
    folder = Path(node.environment["OCTO_NODE_ROOT"]) / "run/octo-engine"
    folder.mkdir(parents=True)
    up(node)
    node.wait_state("ready")
    assert (folder / "docker.sock").is_socket()
    assert node.terminate() == 143


def test_what_a_killed_one_left_is_killed(node: Nested) -> None:
    """Containers that a killed engine left in its user namespace are gone before the next one starts."""
    node.tell(shim="namespace")
    up(node)
    node.wait_state("ready")
    server = node.server()
    node.tell()
    node.kill(signal.SIGKILL)
    node.wait_state("ready", restarts=1)
    assert "Killed 1 process that an earlier dockerd left running." in node.log
    assert node.server() == server
    assert node.terminate() == 143
    assert nothing_left(node)


def test_a_stop_ends_its_containers(node: Nested) -> None:
    """What the engine leaves in other user namespaces at a stop is ended, too."""
    node.tell(shim="namespace")
    up(node)
    node.wait_state("ready")
    assert node.terminate() == 143
    assert nothing_left(node)
