"""An engine that octo-node doesn't start: waited for, tried, watched, and left alone at a stop."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from node import MODES, Node
from processes import wait_until, whole_lines
from scripted import DOOR, Scripted, up
from standin.dockerd.install import install
from standin.sqlserver.testing import SqlServer


class Engine:
    """The stand-in for dockerd, in a place of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "docker.sock"
        self.journal = folder / "journal"
        self.process: subprocess.Popen[bytes] | None = None
        install(folder / "bin")

    def start(self, **told: object) -> None:
        """Start it, to misbehave as `told`."""
        control = self.folder / "control"
        control.write_text(json.dumps(told))
        environ = os.environ | {"STANDIN_DOCKERD_JOURNAL": str(self.journal), "STANDIN_DOCKERD_CONTROL": str(control)}
        self.process = subprocess.Popen([self.folder / "bin/dockerd", f"--host=unix://{self.socket}"], env=environ)

    def kill(self) -> None:
        """Kill it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def events(self, event: str) -> list[dict[str, Any]]:
        """Return what it wrote of `event`."""
        return [line for line in map(json.loads, whole_lines(self.journal)) if line["event"] == event]


@pytest.fixture
def engine() -> Iterator[Engine]:
    """Give an engine that isn't started yet; its folder has a short path, because that of a socket must be."""
    one = Engine(Path(tempfile.mkdtemp(prefix="octo-")))
    yield one
    one.kill()
    shutil.rmtree(one.folder)


@pytest.fixture
def node(tmp_path: Path, engine: Engine) -> Iterator[Scripted]:
    """Give a node that uses the engine, and isn't started yet."""
    with Scripted(tmp_path) as one:
        host = f"unix://{engine.socket}"
        one.environment |= {"DISABLE_DIND": "", "OCTO_NODE_CONTAINERS": "external", "DOCKER_HOST": host}
        yield one


def told(node: Scripted) -> dict[str, Any]:
    """Return what the state file tells of the engine."""
    found: dict[str, Any] = node.state().get("dockerd") or {}
    return found


def wait_state(node: Scripted, state: str, lost: int = 0) -> None:
    """Wait until the engine is in `state`, and was lost so many times."""
    wait_until(lambda: (told(node).get("state"), told(node).get("restarts")) == (state, lost), what=f"it is {state}")


@pytest.mark.parametrize("mode", MODES)
def test_it_is_waited_for_and_left_alone(node: Scripted, engine: Engine, mode: str) -> None:
    """The server starts once the engine has run a container, and gets DOCKER_HOST; a stop doesn't touch the engine."""
    node.script("server", "echo $DOCKER_HOST >told; exec sleep 1000")
    node.start(mode, DOOR).wait_log("doesn't answer yet: No such file or directory (mount the folder")
    assert told(node) == {"state": "starting", "restarts": 0, "way": "external"}
    assert "Octopus.Server is started" not in node.log
    status = node.verb("status").stdout
    assert f"engine at unix://{engine.socket} is starting: lost: 0; it doesn't answer: No such file" in status
    engine.start()
    node.wait_phase("up")
    node.wait_told(f"unix://{engine.socket}")
    wait_state(node, "ready")
    assert len(engine.events("container")) == 1
    assert f"engine at unix://{engine.socket} is ready: lost: 0, 0 containers" in node.verb("status").stdout
    assert node.terminate() == 143
    assert not engine.events("TERM")
    assert "dockerd" not in node.log


def test_its_end_is_seen_and_touches_nobody(node: Scripted, engine: Engine) -> None:
    """An engine that dies is told at once and looked for again; the server goes on, and a container is tried anew."""
    engine.start()
    up(node)
    wait_state(node, "ready")
    server = node.server()
    engine.kill()
    node.wait_log(f"The engine at unix://{engine.socket} is lost: it closed its connections.")
    node.wait_log(f"The engine at unix://{engine.socket} is lost and will be looked for again in 1 s.")
    engine.start(broken="cannot clone: Permission denied")
    wait_state(node, "failing", lost=1)
    assert node.server() == server
    assert node.phase == "up"
    facts = json.loads(node.verb("status", "--json").stdout)
    assert facts["dockerd"]["problem"] == "it can't start a container: cannot clone: Permission denied"
    assert facts["dockerd"]["host"] == f"unix://{engine.socket}"
    assert facts["dockerd"]["way"] == "external"
    assert node.terminate() == 143


@pytest.fixture(scope="module")
def sql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlServer]:
    """Give a SQL Server."""
    with SqlServer.start(tmp_path_factory.mktemp("sql"), tls="off") as server:
        yield server


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"OCTO_NODE_CONTAINERS": "external"}, "but DOCKER_HOST doesn't say where: set it, as in DOCKER_HOST=unix:"),
        (
            {"OCTO_NODE_CONTAINERS": "external", "DOCKER_HOST": "ssh://other"},
            "DOCKER_HOST is 'ssh://other', which octo-node can't ask: give it as unix:///PATH or tcp://NAME:PORT",
        ),
        (
            {"OCTO_NODE_CONTAINERS": "external", "DISABLE_DIND": "Y"},
            "DISABLE_DIND=Y wants no engine for execution containers, but OCTO_NODE_CONTAINERS is external: take one",
        ),
        (
            {"OCTO_NODE_CONTAINERS": "privileged", "DOCKER_HOST": "tcp://other:2375"},
            "starts a dockerd that nobody would ask, because DOCKER_HOST sends Octopus.Server to tcp://other:2375",
        ),
        ({"OCTO_NODE_CONTAINERS": "kaniko"}, "OCTO_NODE_CONTAINERS is 'kaniko', but it must be privileged or none or"),
    ],
)
def test_contradictions_are_refused(tmp_path: Path, sql: SqlServer, environ: dict[str, str], said: str) -> None:
    """Settings of which one would have no effect end the node with 11 before SQL Server is asked."""
    with Node(tmp_path, sql, **({"DISABLE_DIND": ""} | environ)) as node:
        assert node.start().wait() == 11, node.log
        assert said in node.termination
        assert node.journal() == []
