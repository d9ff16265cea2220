"""The chart, installed in a namespace of its own: stand-ins for the images, folders of the machine for the volumes."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import yaml
from chart import helm
from container import containers, images
from kubernetes import cluster
from processes import wait_until
from values import CHART


NAME = "octopus"
SELECTOR = "app.kubernetes.io/instance=octopus,app.kubernetes.io/part-of=octopus-server"
OLD, NEW = "2026.2.197", "2026.3.1"
DATABASE = containers.DATABASE
# within the pod of SQL Server, and from a node
HERE, THERE = (
    f"Server={server},1433;Database={DATABASE};User Id=sa;Password={containers.PASSWORD};Encrypt=False"
    for server in ("127.0.0.1", "mssql")
)
SAMPLER = Path(__file__).with_name("sampler.py")
VALUES = Path(__file__).with_name("values.yaml")
CONTROL = "/diagnostics/control"
START_SECONDS = 240
# claims that volumes are made for; those of the chart's with one shared volume, and SQL Server's
CLAIMS = ("shared-claim", "master-key-claim", "mssql-mssql-0")


def usual(nodes: int, version: str = OLD, **standin: object) -> dict[str, Any]:
    """Return the values of a release with stand-ins; `standin` are settings of the stand-in server's."""
    values: dict[str, Any] = yaml.safe_load(VALUES.read_text())
    settings = {"VERSION": version, "CONTROL": CONTROL, "POLL": "0.2"}
    settings |= {name.upper(): json.dumps(value) for name, value in standin.items()}
    variables = {f"STANDIN_OCTOPUS_{name}": value for name, value in settings.items()}
    # the stand-in's administrator gets the key that the tests ask the API with
    variables["ADMIN_API_KEY"] = containers.API_KEY
    extra = [{"name": name, "value": value} for name, value in variables.items()]
    octopus = {"replicaCount": nodes, "masterKey": helm.KEY, "databaseConnectionString": THERE, "extraEnv": extra}
    values["octopus"] |= octopus
    values["octopus"]["image"]["repository"] = images.NODE
    values["mssql"]["image"]["repository"] = images.SQL
    values["mssql"]["SA_PASSWORD"] = containers.PASSWORD
    return values


class Release:
    """The chart's release in a namespace, with volumes for its claims."""

    def __init__(self, namespace: str, folder: Path) -> None:
        self.namespace = namespace
        self._values = folder / "values.json"

    def __enter__(self) -> Self:
        """Make the namespace and the volumes."""
        cluster.kubectl("create", "namespace", self.namespace)
        self._on_machine(f"mkdir -p {' '.join(CLAIMS)} && chmod 777 {' '.join(CLAIMS)}")
        for claim in CLAIMS:
            cluster.kubectl("apply", "--filename=-", given=self._volume(claim))
        return self

    def __exit__(self, *_: object) -> None:
        """Take all of it away, without waiting for drains."""
        self.kubectl("delete", "statefulset", "--all", "--cascade=orphan", check=False)
        self.kubectl("delete", "pod", "--all", "--force", "--grace-period=0", check=False)
        self._on_machine(f"rm -rf {' '.join(CLAIMS)}")
        cluster.kubectl("delete", "namespace", self.namespace, "--timeout=120s", check=False)
        names = [f"{self.namespace}-{claim}" for claim in CLAIMS]
        cluster.kubectl("delete", "persistentvolume", "--ignore-not-found", *names, check=False)

    @property
    def _folder(self) -> str:
        return f"/var/tmp/{self.namespace}"

    def _volume(self, claim: str) -> Mapping[str, object]:
        spec = {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteMany", "ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "claimRef": {"namespace": self.namespace, "name": claim},
            "hostPath": {"path": f"{self._folder}/{claim}"},
        }
        name = f"{self.namespace}-{claim}"
        return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec}

    def _on_machine(self, command: str) -> None:
        """Run a shell command in this namespace's folder on the cluster's machine, as root."""
        container = {
            "name": "shell",
            "image": f"{images.OCTOPUS}:latest",
            "imagePullPolicy": "Never",
            "command": ["sh", "-c", command],
            "workingDir": "/machine",
            "volumeMounts": [{"name": "machine", "mountPath": "/machine"}],
        }
        volume = {"name": "machine", "hostPath": {"path": self._folder, "type": "DirectoryOrCreate"}}
        spec = {"restartPolicy": "Never", "containers": [container], "volumes": [volume]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "machine"}, "spec": spec}
        self.kubectl("apply", "--filename=-", given=pod)
        wait_until(lambda: self._phase("machine") == "Succeeded", 120, command)
        self.kubectl("delete", "pod", "machine", "--grace-period=0", "--force")

    def _phase(self, pod: str) -> str:
        return self.kubectl("get", "pod", pod, "--output=jsonpath={.status.phase}").stdout

    def kubectl(self, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:  # noqa: ANN401 - kubectl's
        """Run kubectl in this namespace."""
        return cluster.kubectl("--namespace", self.namespace, *words, **more)

    def helm(self, *words: str) -> None:
        """Run helm in this namespace."""
        done = helm.run("--namespace", self.namespace, *words)
        assert done.returncode == 0, done.stderr

    def set(self, verb: str, values: Mapping[str, object]) -> None:
        """Run `helm install` or `helm upgrade` with these values."""
        self._values.write_text(json.dumps(values))
        self.helm(verb, NAME, str(CHART), f"--values={self._values}")

    def install(self, values: Mapping[str, object]) -> Self:
        """Install the chart and wait until all nodes are ready."""
        self.set("install", values)
        self.wait_ready()
        return self

    def replace_pods(self) -> None:
        """Delete all nodes' pods at once, as docs/kubernetes.md says of an upgrade, and wait until they are gone."""
        self.kubectl("delete", "pod", "--selector", SELECTOR, seconds=600)

    def pods(self) -> list[dict[str, Any]]:
        """Return the nodes' pods."""
        return cluster.objects("pod", "--namespace", self.namespace, "--selector", SELECTOR)

    def ready(self) -> list[str]:
        """Return the names of the nodes that are ready."""
        return [pod["metadata"]["name"] for pod in self.pods() if _is_ready(pod)]

    def wait_ready(self, seconds: float = START_SECONDS) -> None:
        """Wait until as many nodes are ready as the StatefulSet wants, and none is on its way out."""

        def all_ready() -> bool:
            wanted = cluster.objects("statefulset", "--namespace", self.namespace, "--selector", SELECTOR)
            going = [pod for pod in self.pods() if pod["metadata"].get("deletionTimestamp")]
            return not going and len(self.ready()) == sum(one["spec"]["replicas"] for one in wanted)

        try:
            wait_until(all_ready, seconds, "all nodes are ready")
        except AssertionError as error:
            told = self.kubectl("describe", "pod", "--selector", SELECTOR).stdout
            logs = self.kubectl("logs", "--selector", SELECTOR, "--tail=50", "--prefix", check=False).stdout
            raise AssertionError(f"{error}\n{told}\n{logs}") from None

    def status(self, pod: str) -> dict[str, Any]:
        """Return what kubelet says of a node's container; nothing if there is none yet."""
        found = [one for one in self.pods() if one["metadata"]["name"] == pod]
        statuses = found[0]["status"].get("containerStatuses", []) if found else []
        return dict(statuses[0]) if statuses else {}

    def restarts(self, pod: str) -> int:
        """Return how many times a node's container was restarted."""
        return int(self.status(pod).get("restartCount", 0))

    def ended(self, pod: str, seconds: float = START_SECONDS) -> dict[str, Any]:
        """Wait until a node's container has ended by itself, and return how: its exit code, its message."""

        def last() -> dict[str, Any] | None:
            status = self.status(pod)
            states = (status.get("lastState", {}), status.get("state", {}))
            return next((state["terminated"] for state in states if "terminated" in state), None)

        return wait_until(last, seconds, f"{pod} ends")

    def execute(self, pod: str, *command: str, check: bool = True) -> str:
        """Run a command in a pod."""
        return str(self.kubectl("exec", pod, "--", *command, check=check).stdout)

    def api(self, pod: str, path: str, body: Mapping[str, object] | None = None) -> Any:  # noqa: ANN401 - JSON
        """Return the answer of a node's server."""
        text = "" if body is None else json.dumps(body)
        return json.loads(self.execute(pod, "python3", "-c", containers.ASK, path, text, containers.API_KEY))

    def task(self, pod: str, seconds: float) -> str:
        """Queue a task for a node, wait until it runs, and return its id."""
        body = {"Name": "Deploy", "Node": f"OctopusServerNodes-{pod}", "Arguments": {"Seconds": seconds}}
        found = str(self.api(pod, "/api/tasks", body)["Id"])
        wait_until(lambda: self.api(pod, f"/api/tasks/{found}")["State"] == "Executing", what=f"{found} runs")
        return found

    def query(self, columns: str, table: str) -> list[str]:
        """Return columns of a table of Octopus's, a line for each row."""
        statement = f"SELECT {columns} FROM {DATABASE}.dbo.{table}"  # noqa: S608 - a test's own words
        tool = ("/opt/mssql-tools18/bin/sqlcmd", "-U", "sa", "-P", containers.PASSWORD)
        return self.execute("mssql-0", *tool, "-Q", statement).splitlines()

    def violations(self) -> list[str]:
        """Return the signs in the database that two migrations met, or that a node ran over another's schema."""
        program = (
            "import json, sys; from standin.octopus import integrity; from standin.octopus.sql import Database; "
            "print(json.dumps(integrity(Database(sys.argv[1]).open())))"
        )
        return list(json.loads(self.execute("mssql-0", "python3", "-c", program, HERE)))

    def migrations(self) -> int:
        """Return how many times the schema was made or upgraded."""
        return len(set(self.query("Run", "SchemaTrace")))

    def control(self, pod: str, **settings: object) -> None:
        """Tell a node's stand-in server how to behave."""
        program = f"open({CONTROL!r}, 'w').write({json.dumps(settings)!r})"
        wait_until(lambda: self.kubectl("exec", pod, "--", "python3", "-c", program, check=False).returncode == 0)

    def backoffs(self) -> list[str]:
        """Return what kubelet told of containers that end again and again."""
        events = cluster.objects("event", "--namespace", self.namespace)
        return [event["message"] for event in events if event.get("reason") == "BackOff"]

    @contextmanager
    def sampled(self) -> Iterator[list[dict[str, str]]]:
        """Collect every 100 ms the versions of the nodes that are alive, as the database has them."""
        command = ["exec", "mssql-0", "--", "python3", "-c", SAMPLER.read_text(), HERE]
        samples: list[dict[str, str]] = []
        path = self._values.with_name("samples")
        with (
            path.open("w") as file,
            subprocess.Popen([cluster.KUBECTL, "--namespace", self.namespace, *command], stdout=file) as process,
        ):
            try:
                wait_until(path.read_text, what="the first sample")
                yield samples
            finally:
                process.terminate()
        samples += [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]


def _is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = {condition["type"]: condition["status"] for condition in pod["status"].get("conditions", [])}
    return conditions.get("Ready") == "True" and not pod["metadata"].get("deletionTimestamp")


def build_images() -> None:
    """Make the images, where the cluster's engine is the one that `docker` speaks to."""
    images.node(images.octopus())
    images.sqlserver()
