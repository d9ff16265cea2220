"""The compose files: valid, and a node of the makers' image, as it is, comes up with one command."""

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from container import images
from container.containers import nested, unique
from container.engine import docker, is_required
from processes import ROOT, free_port, wait_until
from scenario import LICENCE

from entrypoint import __version__


pytestmark = pytest.mark.timeout(900)  # the first test waits for the images

FOLDER = ROOT / "docker"
PLAIN, READ_ONLY = ("compose.yaml",), ("compose.yaml", "compose.read-only.yaml")
PROGRAM = "/opt/octo-node/bin/octo-node"
WITH_DOCKERD = {"DISABLE_DIND": "N", "PRIVILEGED": "true", "CONTAINER_USER": "root"}
HARDENED = {
    "CONTAINER_USER": "1001:0",
    "OCTOPUS_SERVER_CONFIGURATION_DIRECTORY": "/Octopus/.octopus/OctopusServer/Server",
    "OCTOPUS_SERVER_TAG": f"{images.VERSIONS[0]}-hardened",
}
# the makers' .env, with its empty values filled in: octopus.com/docs/installation/octopus-server-linux-container/
# docker-compose-linux
MAKERS = {
    "SA_PASSWORD": "N0tS3cr3t!",
    "OCTOPUS_SERVER_TAG": "latest",
    "SQL_IMAGE": "mcr.microsoft.com/mssql/server",
    "ADMIN_USERNAME": "admin",
    "ADMIN_PASSWORD": "Passw0rd123",
    "ADMIN_EMAIL": "",
    "ACCEPT_EULA": "Y",
    "ACCEPT_OCTOPUS_EULA": "Y",
    "OCTOPUS_SERVER_NODE_NAME": "",
    "DB_CONNECTION_STRING": "Server=db,1433;Database=OctopusDeploy;User=sa;Password=N0tS3cr3t!",
    "OCTOPUS_SERVER_BASE64_LICENSE": "",
    "MASTER_KEY": "",
    "ADMIN_API_KEY": "",
    "DISABLE_DIND": "Y",
    "PRIVILEGED": "false",
    "CONTAINER_USER": "octopus",
}
# of their compose file
VOLUMES = {"repository", "artifacts", "taskLogs", "cache", "import", "eventExports", "sqlvolume"}


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

    def __init__(self, files: Sequence[str], folder: Path, settings: Mapping[str, str]) -> None:
        self.name = unique("compose")
        self.port = free_port()
        ports = {"SQL_PORT": free_port(), "TENTACLE_PORT": free_port(), "OCTOPUS_PORT": self.port}
        self.settings = dict(settings) | {name: str(port) for name, port in ports.items()}
        self.settings |= {"OCTO_NODE_IMAGE": images.OWN, "OCTO_NODE_TAG": "latest", "SQL_IMAGE": images.SQL}
        self.settings |= {"OCTOPUS_IMAGE": images.OCTOPUS, "ACCEPT_EULA": "Y", "ACCEPT_OCTOPUS_EULA": "Y"}
        self.env_file = folder / ".env"
        self._command = [*command(), "--project-name", self.name, "--env-file", str(self.env_file)]
        self._command += [word for file in files for word in ("--file", str(FOLDER / file))]
        if settings.get("DISABLE_DIND") == "N":
            self._command += ["--file", str(nesting(folder))]

    def run(self, *words: str) -> str:
        """Run a command of Compose and return its output."""
        self.env_file.write_text("".join(f"{name}={value}\n" for name, value in self.settings.items()))
        clean = {name: value for name, value in os.environ.items() if name not in self.settings}
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

    def up(self) -> str:
        """Have it come up, as a person does, and return the node's container when it answers."""
        self.run("up", "--detach", "--no-build")
        node = self.container()
        try:
            wait_until(lambda: self.status() == 200, 90, "the node answers")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{docker('logs', node).stdout}") from None
        return node

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


def inspect(container: str) -> dict[str, dict[str, object]]:
    """Return what the engine says of a container."""
    (found,) = json.loads(docker("inspect", container).stdout)
    return dict(found)


def test_variables() -> None:
    """All variables of the makers' .env are there, and both licences have to be accepted by a person."""
    assert values().keys() >= MAKERS.keys()
    assert (values()["ACCEPT_EULA"], values()["ACCEPT_OCTOPUS_EULA"]) == ("N", "N")
    assert {name: values()[name] for name in ("DISABLE_DIND", "PRIVILEGED", "CONTAINER_USER")}.items() <= MAKERS.items()


def test_volumes_and_ports() -> None:
    """The makers' volumes, and the port that polling Tentacles know, are called as in their file."""
    text = (FOLDER / "compose.yaml").read_text()
    assert set(re.findall(r"^  (\w+):$", text.rpartition("\nvolumes:\n")[2], re.MULTILINE)) >= VOLUMES
    assert ":-1401}:1433" in text
    assert ":-8080}:8080" in text
    assert ":-11111}:10943" in text


def test_version() -> None:
    """The image and the volume that are used by default are this version's."""
    text = (FOLDER / "compose.yaml").read_text()
    assert set(re.findall(r"\$\{OCTO_NODE_TAG:-([^}]*)\}", text)) == {__version__}
    assert values()["OCTO_NODE_TAG"] == __version__


@pytest.mark.parametrize("file", [*READ_ONLY, "compose.ca.yaml", "compose.sidecar.yaml"])
def test_schema(file: str) -> None:
    """The Compose Specification's JSON schema accepts the files; none has a version."""
    assert "\nversion:" not in (FOLDER / file).read_text()
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FOLDER / file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def project(
    request: pytest.FixtureRequest, own_image: str, makers_images: None, sql_image: str, tmp_path: Path
) -> Iterator[Project]:
    """Give a project of the files and settings that the test names, which isn't started yet."""
    files, settings = request.param
    found = Project(files, tmp_path, settings)
    yield found
    found.run("down", "--volumes", "--timeout", "60")


EXAMPLE = {"OCTOPUS_SERVER_TAG": "latest"}
WAYS = {
    "the makers' .env": (PLAIN, MAKERS),
    "with dockerd": (PLAIN, values() | EXAMPLE | WITH_DOCKERD),
    "read-only": (READ_ONLY, values() | EXAMPLE),
    "hardened": (PLAIN, values() | HARDENED),
}

SIDECAR = (
    ("compose.yaml", "compose.sidecar.yaml"),
    values() | EXAMPLE | {"OCTO_ENGINE_IMAGE": "octo-node-test/engine"},
)


@pytest.mark.parametrize("project", WAYS.values(), indirect=True, ids=WAYS.keys())
def test_up(project: Project) -> None:
    """`docker compose up` brings a node of the makers' image up: healthy, reachable; its stop waits for the drain."""
    node = project.up()
    health = "{{.State.Health.Status}}"
    wait_until(lambda: docker("inspect", "-f", health, node).stdout.strip() == "healthy", what="healthy")
    found = inspect(node)
    with_dockerd = project.settings["DISABLE_DIND"] == "N"
    assert found["Config"]["StopTimeout"] == 720
    assert found["HostConfig"]["Privileged"] is with_dockerd
    assert found["Config"]["Image"] == f"{images.OCTOPUS}:{project.settings['OCTOPUS_SERVER_TAG']}"
    dockerd = docker("exec", node, "docker", "info", "--format", "{{.Driver}} in {{.DockerRootDir}}", check=False)
    if with_dockerd:
        assert dockerd.stdout.endswith(" in /var/lib/docker\n")
        assert "vfs" not in dockerd.stdout  # the volume is there
    else:
        assert dockerd.returncode != 0
    project.run("stop", "octopus-server")
    assert inspect(node)["State"]["ExitCode"] == 0, docker("logs", node).stdout
    project.run("start", "octopus-server")
    wait_until(lambda: project.status() == 200, 90, "the node answers again")


@pytest.mark.parametrize("project", [SIDECAR], indirect=True, ids=["sidecar"])
def test_sidecar(project: Project) -> None:
    """With compose.sidecar.yaml a rootless engine runs beside a node without privileges, whose steps use it."""
    project.run("build", "engine")
    node = project.up()
    found = inspect(node)
    assert (found["HostConfig"]["Privileged"], found["HostConfig"]["CapDrop"]) == (False, ["ALL"])

    def engine() -> str:
        return str(json.loads(docker("exec", node, PROGRAM, "status", "--json").stdout)["dockerd"]["state"])

    wait_until(lambda: engine() == "ready", 90, "the engine has run a container")
    security = docker("exec", node, "docker", "info", "--format", "{{.SecurityOptions}}").stdout
    assert "name=rootless" in security
    project.run("stop")
    assert inspect(node)["State"]["ExitCode"] == 0, docker("logs", node).stdout


@pytest.mark.parametrize("project", [WAYS["hardened"]], indirect=True, ids=["hardened"])
def test_upgrade(project: Project) -> None:
    """Another version of Octopus is another tag: the same octo-node, the same volumes, the key that was drawn."""
    first = project.up()
    project.settings["OCTOPUS_SERVER_TAG"] = f"{images.VERSIONS[1]}-hardened"
    project.settings["OCTOPUS_SERVER_BASE64_LICENSE"] = LICENCE
    second = project.up()
    assert first != second
    log = docker("logs", second).stdout
    assert images.VERSIONS[1] in log

    def is_up() -> bool:  # a healthy one is alive, and may still be starting
        status = json.loads(docker("exec", second, PROGRAM, "status", "--json").stdout)
        return bool(status["node"]["phase"] == "up")

    wait_until(is_up, what="it is up")
    assert "octo-node" in docker("exec", second, PROGRAM, "version").stdout
