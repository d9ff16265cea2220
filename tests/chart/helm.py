"""Helm, as the tests ask it, and what it renders."""

import functools
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from values import CHART


HELM = Path(sys.executable).with_name("helm")
EXAMPLES = sorted(path.stem for path in (CHART / "examples").glob("*.yaml"))
CONNECTION = "Server=sql.example.org,1433;Database=OctopusDeploy;User Id=octopus;Password=S3cret"
PROGRAM = "/opt/octo-node/bin/octo-node"
KEY = "6EdU6IWsCtMEwk0kPKflQQ=="

# what takes the place of values of other charts
SUCCESSORS: dict[str, Any] = yaml.safe_load((CHART / "successors.yaml").read_text())
# the names of Secrets, by variable
SECRETS = {
    "DB_CONNECTION_STRING": "connectionstring",
    "MASTER_KEY": "masterkey",
    "ADMIN_USERNAME": "adminusername",
    "ADMIN_PASSWORD": "adminpassword",
    "OCTOPUS_SERVER_BASE64_LICENSE": "licensekey",
    "OCTO_NODE_API_KEY": "apikey",
}

Object = dict[str, Any]  # of Kubernetes


class Rendered(NamedTuple):
    """What came of a set of values."""

    objects: list[Object]

    def of(self, kind: str) -> dict[str, Object]:
        """Return the objects of a kind, by name."""
        return {found["metadata"]["name"]: found for found in self.objects if found["kind"] == kind}

    @property
    def nodes(self) -> list[Object]:
        """The StatefulSets of nodes: one, or two with nodes for the web portal only."""
        return [found for name, found in self.of("StatefulSet").items() if name != "mssql"]

    @property
    def pods(self) -> Iterator[Object]:
        """The specification of the nodes' pods."""
        return (found["spec"]["template"]["spec"] for found in self.nodes)

    @property
    def containers(self) -> Iterator[Object]:
        """The specification of the nodes' containers."""
        return (pod["containers"][0] for pod in self.pods)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run helm."""
    return subprocess.run([str(HELM), *words], capture_output=True, text=True, timeout=60, check=False)


@functools.cache
def template(*words: str, **given: object) -> subprocess.CompletedProcess[str]:
    """Run `helm template` with the values `given` on the command line, where `__` stands for a dot."""
    # a comma and a brace mean something to --set
    pairs = {name.replace("__", "."): str(value) for name, value in given.items()}
    sets = [f"--set={name}={value.replace(',', chr(92) + ',')}" for name, value in pairs.items()]
    return run("template", "octopus", str(CHART), *words, *sets)


def render(*words: str, **given: object) -> Rendered:
    """Return what the values `given` are rendered to, with a connection string if there is no file of values."""
    with_file = any(word.startswith("--values") for word in words)
    done = template(*words, **({} if with_file else {"octopus.databaseConnectionString": CONNECTION}) | given)
    assert done.returncode == 0, done.stderr
    return Rendered([found for found in yaml.safe_load_all(done.stdout) if found])


def example(name: str, **given: object) -> Rendered:
    """Return what an example's values are rendered to."""
    return render(f"--values={CHART / 'examples' / name}.yaml", **given)


def refusal(**given: object) -> str:
    """Return what Helm says of values that are refused."""
    done = template(**{"octopus.databaseConnectionString": CONNECTION} | given)
    assert done.returncode != 0, "the values were accepted"
    return done.stderr


def environment(container: Object) -> dict[str, str | None]:
    """Return a container's environment; None for what Kubernetes itself puts there."""
    return {entry["name"]: entry.get("value") for entry in container["env"]}


def copy(folder: Path) -> None:
    """Copy the chart, as it is packaged, to a folder that isn't there yet."""
    shutil.copytree(CHART, folder, ignore=shutil.ignore_patterns("examples"))
