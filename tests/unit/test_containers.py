"""The ways to run execution containers: which one an environment means, and where its engine is asked."""

import socket
import threading
from pathlib import Path
from typing import Any, cast

import pytest
import readings

from entrypoint.base import engine
from entrypoint.dockerd import ping, watch
from entrypoint.init import dockerd
from entrypoint.init.children import ChildEnvironments, Starter
from entrypoint.prepare.preflight import execution_containers
from entrypoint.settings.base_settings import BaseSettings
from entrypoint.settings.environment import Environment


OURS = "unix:///var/run/docker.sock"


@pytest.mark.parametrize(
    ("environ", "way", "host", "given"),
    [
        ({}, "privileged", OURS, {}),
        ({"DISABLE_DIND": "Y"}, "none", "", {}),
        ({"DISABLE_DIND": "N"}, "privileged", OURS, {}),
        ({"DISABLE_DIND": "Y", "DOCKER_HOST": "tcp://x:1"}, "none", "", {}),
        ({"DOCKER_HOST": "tcp://x:1"}, "privileged", OURS, {}),
        ({"OCTO_NODE_CONTAINERS": "none"}, "none", "", {}),
        (
            {"OCTO_NODE_CONTAINERS": "External", "DOCKER_HOST": "tcp://x:1"},
            "external",
            "tcp://x:1",
            {"DOCKER_HOST": "tcp://x:1"},
        ),
        (
            {"OCTO_NODE_CONTAINERS": "rootless", "XDG_RUNTIME_DIR": "/run/user/7", "OCTO_NODE_ROOT": "/nowhere"},
            "rootless",
            "unix:///run/user/7/docker.sock",
            {"DOCKER_HOST": "unix:///run/user/7/docker.sock"},
        ),
        ({"OCTO_NODE_CONTAINERS": "nonsense", "DISABLE_DIND": "Y"}, "none", "", {}),
    ],
)
def test_which_way(environ: dict[str, str], way: str, host: str, given: dict[str, str]) -> None:
    """The official names keep their meaning; OCTO_NODE_CONTAINERS says what they can't."""
    settings = BaseSettings(Environment(environ))
    assert (settings.containers, settings.engine, settings.engine_environment) == (way, host, given)


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        (
            {"OCTO_NODE_CONTAINERS": "external", "DOCKER_HOST": "unix:///x", "PATH": "/none"},
            ["There is no docker on PATH"],
        ),
        (
            {"OCTO_NODE_CONTAINERS": "external", "DOCKER_HOST": "tcp://x:1", "OCTO_NODE_DOCKERD_ARGS": "--mtu=1400"},
            [
                "OCTO_NODE_DOCKERD_ARGS and DOCKER_IPTABLES_LEGACY have no effect",
                "The engine at tcp://x:1 is asked without",
            ],
        ),
        ({"OCTO_NODE_CONTAINERS": "external", "DOCKER_HOST": "tcp://127.0.0.1:1"}, []),
        (
            {"DOCKER_HOST": "tcp://x:1"},
            ["DOCKER_HOST sends Octopus.Server to the engine at tcp://x:1, so nobody asks the"],
        ),
        ({"DISABLE_DIND": "Y", "DOCKER_HOST": "tcp://x:1"}, []),
    ],
)
def test_warnings(tmp_path: Path, environ: dict[str, str], said: list[str]) -> None:
    """What has no effect, or is easily missed, is said."""
    (tmp_path / "docker").touch(0o755)
    given = {"ACCEPT_EULA": "Y", "DB_CONNECTION_STRING": "Server=db;Database=x;User Id=sa;Password=x"}
    settings = readings.settings(given | {"PATH": str(tmp_path)} | environ)
    found = list(execution_containers.warnings(settings.base, settings))
    assert len(found) == len(said)
    assert all(sentence.startswith(begin) for sentence, begin in zip(found, said, strict=True))


@pytest.mark.parametrize(
    ("host", "place"),
    [
        ("unix:///run/octo-engine/docker.sock", "/run/octo-engine/docker.sock"),
        ("tcp://engine:2375", ("engine", 2375)),
        ("tcp://127.0.0.1:2375/", ("127.0.0.1", 2375)),
        ("tcp://[::1]:2375", ("::1", 2375)),
    ],
)
def test_places(host: str, place: object) -> None:
    """A host is read as Docker's client reads DOCKER_HOST."""
    assert engine.place(host) == place


@pytest.mark.parametrize(
    "host", ["", "unix://", "unix://run/x", "tcp://x", "tcp://:1", "tcp://x:0", "tcp://x:65536", "x:1"]
)
def test_no_places(host: str) -> None:
    """What octo-node can't ask is refused, with the forms that it can."""
    with pytest.raises(ValueError, match="can't ask: give it as unix:///PATH or tcp://NAME:PORT"):
        engine.place(host)
    assert "can't ask" in str(ping.problem(host))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.0 200 OK\r\n\r\nOK", None),
        (b"HTTP/1.0 400 Bad Request\r\n\r\n", "a ping was answered with 'HTTP/1.0 400 Bad Request'"),
        (b"", "it closed the connection without an answer"),
    ],
)
def test_a_ping_over_tcp(answer: bytes, said: str | None) -> None:
    """Only 200 is an answer; what else came is quoted."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        assert ping.problem(f"tcp://127.0.0.1:{server.getsockname()[1]}") == said
        thread.join()


@pytest.mark.parametrize(("code", "again"), [(0, False), (17, True), (143, False)])
def test_one_that_fails_is_tried_again(code: int, *, again: bool) -> None:
    """An engine that answers and starts no container is tried again later: its disk may be emptied meanwhile."""
    environment = Environment({})
    settings = BaseSettings(environment)
    starter = Starter(ChildEnvironments(environment, settings), cast("Any", None))
    dockerd.Dockerd(starter, settings).ask_again(code)
    assert starter.timers.is_set(dockerd.WAITER) is again


@pytest.mark.parametrize(("first", "said"), [(b"404", "Connection refused"), (b"200", "it closed its connections")])
def test_an_engine_is_watched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, first: bytes, said: str) -> None:
    """The end of a stream of events is an engine's end; one that offers none is asked again and again."""
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    for name in ("_POLL", "_PAUSE"):
        monkeypatch.setattr(watch, name, 0.01)
    found: list[str] = []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("docker.sock")
        server.listen()
        host = f"unix://{tmp_path}/docker.sock"
        monkeypatch.setattr("entrypoint.base.engine.place", lambda _: "docker.sock")
        thread = threading.Thread(target=lambda: found.append(watch.until_lost(host)))
        thread.start()
        for _ in range(1 if first == b"200" else 6):
            connection, _ = server.accept()
            with connection:
                is_ping = b"_ping" in connection.recv(4096)
                connection.sendall(b"HTTP/1.1 %s x\r\n\r\n" % (b"200" if is_ping else first))
    thread.join()
    assert found[0].startswith(said)
