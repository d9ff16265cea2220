"""The chart, installed in a namespace of its own, with stand-ins for the images."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import yaml
from chart import helm
from container import containers, images
from kubernetes.database import Database, connection_string
from kubernetes.namespace import Namespace
from kubernetes.nodes import Nodes
from processes import wait_until
from values import CHART


NAME = "octopus"
OLD, NEW = "2026.2.197", "2026.3.1"
VALUES = Path(__file__).with_name("values.yaml")
CONTROL = "/diagnostics/control"


def usual(nodes: int, version: str = OLD, **standin: object) -> dict[str, Any]:
    """Return the values of a release with stand-ins; `standin` are settings of the stand-in server's."""
    values: dict[str, Any] = yaml.safe_load(VALUES.read_text())
    settings = {"VERSION": version, "CONTROL": CONTROL, "POLL": "0.2", "LICENSE_REQUIRED": "false"}
    settings |= {name.upper(): json.dumps(value) for name, value in standin.items()}
    variables = {f"STANDIN_OCTOPUS_{name}": value for name, value in settings.items()}
    # the stand-in's administrator gets the key that the tests ask the API with
    variables["ADMIN_API_KEY"] = containers.API_KEY
    values["octopus"] |= {
        "replicaCount": nodes,
        "masterKey": helm.KEY,
        "databaseConnectionString": connection_string("mssql"),
        "extraEnv": [{"name": name, "value": value} for name, value in variables.items()],
    }
    values["octopus"]["image"]["repository"] = images.NODE
    values["mssql"]["image"]["repository"] = images.SQL
    values["mssql"]["SA_PASSWORD"] = containers.PASSWORD
    return values


class Release:
    """A release of the chart in `namespace`: its nodes, its database; `folder` is the test's."""

    def __init__(self, namespace: Namespace, folder: Path) -> None:
        self.namespace = namespace
        self.nodes = Nodes(namespace)
        self.database = Database(namespace, folder)
        self._values = folder / "values.json"

    def helm(self, *words: str) -> None:
        """Run helm in this namespace."""
        done = helm.run("--namespace", self.namespace.name, *words)
        assert done.returncode == 0, done.stderr

    def set(self, verb: str, values: Mapping[str, object]) -> None:
        """Run `helm install` or `helm upgrade` with these values."""
        self._values.write_text(json.dumps(values))
        self.helm(verb, NAME, str(CHART), f"--values={self._values}")

    def refusal(self, verb: str, values: Mapping[str, object]) -> str:
        """Return what Helm says of values that are refused. AssertionError if they aren't."""
        self._values.write_text(json.dumps(values))
        done = helm.run("--namespace", self.namespace.name, verb, NAME, str(CHART), f"--values={self._values}")
        assert done.returncode != 0, "the values were accepted"
        return done.stderr

    def install(self, values: Mapping[str, object]) -> Self:
        """Install the chart and wait until all nodes are ready."""
        self.set("install", values)
        self.nodes.wait_ready()
        return self

    def upgrade(self, values: Mapping[str, object]) -> None:
        """Do what docs/kubernetes.md says: `helm upgrade`, then delete all pods."""
        self.set("upgrade", values)
        self.nodes.replace()

    def api(self, pod: str, path: str, body: Mapping[str, object] | None = None) -> Any:  # noqa: ANN401 - JSON
        """Return the answer of a node's server."""
        text = "" if body is None else json.dumps(body)
        answer = self.namespace.execute(pod, "python3", "-c", containers.ASK, path, text, containers.API_KEY)
        return json.loads(answer)

    def task(self, pod: str, seconds: float) -> str:
        """Queue a task for a node, wait until it runs, and return its id."""
        body = {"Name": "Deploy", "Node": f"OctopusServerNodes-{pod}", "Arguments": {"Seconds": seconds}}
        found = str(self.api(pod, "/api/tasks", body)["Id"])
        wait_until(lambda: self.api(pod, f"/api/tasks/{found}")["State"] == "Executing", what=f"{found} runs")
        return found

    def control(self, pod: str, **settings: object) -> None:
        """Tell a node's stand-in server how to behave."""
        words = ("exec", pod, "--", "python3", "-c", f"open({CONTROL!r}, 'w').write({json.dumps(settings)!r})")
        wait_until(lambda: self.namespace.kubectl(*words, check=False).returncode == 0)


def build_images() -> None:
    """Make the images, where the cluster's engine is the one that `docker` speaks to."""
    images.node(images.octopus())
    images.sqlserver()
