"""The compose files: valid, and a node comes up with one command."""

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from container import images
from container.containers import nested, unique
from container.engine import docker, is_required
from processes import ROOT, free_port, wait_until


pytestmark = pytest.mark.timeout(900)  # the first test waits for the images

FOLDER = ROOT / "docker"
PLAIN, NO_DIND = ("compose.yaml",), ("compose.yaml", "compose.no-dind.yaml")
# of the blog post's .env, which this one takes the place of
VARIABLES = {
    *("SA_PASSWORD", "OCTOPUS_SERVER_TAG", "SQL_IMAGE", "ADMIN_USERNAME", "ADMIN_PASSWORD", "ADMIN_EMAIL"),
    *("ACCEPT_EULA", "ACCEPT_OCTOPUS_EULA", "OCTOPUS_SERVER_NODE_NAME", "DB_CONNECTION_STRING"),
    *("OCTOPUS_SERVER_BASE64_LICENSE", "MASTER_KEY", "ADMIN_API_KEY"),
}


def command() -> list[str]:
    """Return how Compose is started here; skip where it isn't there, unless an engine is required."""
    if docker("compose", "version", check=False).returncode == 0:
        return ["docker", "compose"]
    found = shutil.which("docker-compose")
    if found is None:
        (pytest.fail if is_required() else pytest.skip)("there is no Docker Compose here")
    return [found]


class Project:
    """A project of its own, with the stand-ins' images and ports that are free."""

    def __init__(self, files: Sequence[str], folder: Path, **variables: str) -> None:
        self.name = unique("compose")
        self.port = free_port()
        self.tag = f"octo-node:{self.name}"
        given = {
            "ACCEPT_EULA": "Y",
            "ACCEPT_OCTOPUS_EULA": "Y",
            "SQL_IMAGE": images.SQL,
            "OCTOPUS_SERVER_TAG": self.name,
        }
        ports = {"SQL_PORT": free_port(), "TENTACLE_PORT": free_port(), "OCTOPUS_PORT": self.port}
        settings = values() | given | variables | {name: str(port) for name, port in ports.items()}
        # the stand-in speaks no TLS
        settings["DB_CONNECTION_STRING"] += ";Encrypt=False"
        self.env_file = folder / ".env"
        self.env_file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        self._command = [*command(), "--project-name", self.name, "--env-file", str(self.env_file)]
        self._command += [word for file in files for word in ("--file", str(FOLDER / file))]
        if variables.get("DISABLE_DIND") == "N":
            self._command += ["--file", str(nesting(folder))]

    def run(self, *words: str) -> str:
        """Run a command of Compose and return its output."""
        clean = {name: value for name, value in os.environ.items() if name not in values()}
        done = subprocess.run(
            [*self._command, *words],
            env=clean,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"compose {words}: {done.stdout}"
        return done.stdout

    def container(self) -> str:
        """Return the node's container."""
        return self.run("ps", "-q", "octopus-server").split()[-1]

    def status(self) -> int:
        """Return what the node answers on the port that is published, 0 if nothing."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/octopusservernodes/ping") as answer:
                return int(answer.status)
        except OSError:
            return 0


def nesting(folder: Path) -> Path:
    """Write what a node with Docker-in-Docker needs on this machine besides the compose file."""
    options, environ = nested()
    mounts = [word.removeprefix("--volume=") for word in options if word.startswith("--volume=") and ":" in word]
    service = {"volumes": mounts, "environment": environ | {"DISABLE_DIND": "N"}}
    file = folder / "nesting.json"
    file.write_text(json.dumps({"services": {"octopus-server": service}}))
    return file


def values() -> dict[str, str]:
    """Return the variables of .env.example."""
    lines = (FOLDER / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_variables() -> None:
    """All variables of the blog post's .env are there, and both licences have to be accepted by a person."""
    assert values().keys() >= VARIABLES
    assert (values()["ACCEPT_EULA"], values()["ACCEPT_OCTOPUS_EULA"]) == ("N", "N")


@pytest.mark.parametrize("file", NO_DIND)
def test_schema(file: str) -> None:
    """The Compose Specification's JSON schema accepts both files; none has a version."""
    assert "\nversion:" not in (FOLDER / file).read_text()
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FOLDER / file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def project(request: pytest.FixtureRequest, image: str, sql_image: str, tmp_path: Path) -> Iterator[Project]:
    """Give a project of the files that the test names, which isn't started yet."""
    files: Sequence[str] = request.param
    found = Project(files, tmp_path, DISABLE_DIND="N" if files == PLAIN else "Y")
    docker("tag", image, found.tag)
    yield found
    found.run("down", "--volumes", "--timeout", "60")
    docker("rmi", found.tag)


@pytest.mark.parametrize("project", [PLAIN, NO_DIND], indirect=True, ids=["compose", "no-dind"])
def test_up(project: Project) -> None:
    """`docker compose up` brings a node up: healthy, reachable; its stop waits for the drain."""
    project.run("up", "--detach", "--no-build")
    wait_until(lambda: project.status() == 200, 90, "the node answers")
    node = project.container()
    health = "{{.State.Health.Status}}"
    wait_until(lambda: docker("inspect", "-f", health, node).stdout.strip() == "healthy", 60, "healthy")
    (found,) = json.loads(docker("inspect", node).stdout)
    assert found["Config"]["StopTimeout"] > 600
    assert found["HostConfig"]["Privileged"] is not found["HostConfig"]["ReadonlyRootfs"]
    dockerd = docker("exec", node, "docker", "info", "--format", "{{.Driver}} in {{.DockerRootDir}}", check=False)
    if found["HostConfig"]["Privileged"]:
        assert dockerd.stdout.endswith(" in /var/lib/docker\n")
        assert "vfs" not in dockerd.stdout  # the volume is there
    else:
        assert dockerd.returncode != 0
    project.run("stop", "octopus-server")
    (found,) = json.loads(docker("inspect", node).stdout)
    assert found["State"]["ExitCode"] == 0, docker("logs", node).stdout
    project.run("start", "octopus-server")
    wait_until(lambda: project.status() == 200, 90, "the node answers again")
