"""A release of the official chart becomes one of this chart, and back: nothing is lost, and addresses stay."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart import helm
from container import containers, images
from container.containers import unique
from kubernetes.database import connection_string
from kubernetes.namespace import Namespace
from kubernetes.release import NAME, OLD, Release, usual
from processes import wait_until
from values import CHART


pytestmark = pytest.mark.timeout(3600)  # the first test waits for the images
OFFICIAL = Path(__file__).with_name("official")
NODES = "octopus-octopus-deploy"
SHARED = ("package-repository-claim", "artifacts-claim", "task-log-claim", "audit-log-claim")
CLAIMS = (*SHARED, "mssql-mssql-0", *(f"server-log-volume-{NODES}-{n}" for n in range(2)))
# what only Secrets know: neither chart is told
SECRETS = {
    "masterkey": "s0wjLqxvaGDSCjdr9Vw3cA==",
    "sapassword": containers.PASSWORD,
    "connectionstring": connection_string(f"mssql-0.{NODES}-mssql"),
    "adminusername": "admin",
    "adminpassword": "S3cret-of-the-admin!",
}
VARIABLES = {"DB_CONNECTION_STRING": "connectionstring", "MASTER_KEY": "masterkey"}
VARIABLES |= {"ADMIN_USERNAME": "adminusername", "ADMIN_PASSWORD": "adminpassword"}


@pytest.fixture
def official(node_images: None, tmp_path: Path) -> Iterator[Release]:
    """Give a release that isn't installed yet, in a namespace with the volumes of the official chart."""
    with Namespace(unique("kube"), CLAIMS) as namespace:
        yield Release(namespace, tmp_path)


def settings() -> list[dict[str, str]]:
    """Return the stand-in's settings, for either chart."""
    return list(usual(2, OLD)["octopus"]["extraEnv"])


def official_values(tmp_path: Path) -> str:
    """Write the values of the chart that stands for the official one, and return the file."""
    values = {"image": images.NODE, "sqlImage": images.SQL, "saPassword": containers.PASSWORD, "secrets": SECRETS}
    (tmp_path / "official.json").write_text(json.dumps(values | {"variables": VARIABLES, "env": settings()}))
    return f"--values={tmp_path / 'official.json'}"


def our_values(tmp_path: Path, **octopus: object) -> str:
    """Write what is in a file for the official chart, with the stand-ins' images and classes, and return the file."""
    values: dict[str, Any] = usual(2, OLD)
    kept = (
        "acceptEula",
        "replicaCount",
        "image",
        "extraEnv",
        "storageClassName",
        "drain",
        "upgradeWait",
        "sqlWait",
        "stopTimeout",
    )
    values["octopus"] = {name: values["octopus"][name] for name in kept} | {
        "username": SECRETS["adminusername"],
        "password": SECRETS["adminpassword"],
        "enableDockerInDocker": False,
    }
    values["mssql"] |= {"SA_PASSWORD": "", "size": "8Gi"}
    values["octopus"] |= octopus
    (tmp_path / "ours.json").write_text(json.dumps(values))
    return f"--values={tmp_path / 'ours.json'}"


def remembered(release: Release) -> dict[str, Any]:
    """Return what has to stay: the secrets, the volumes behind the claims, the Services' addresses."""
    found = {one["metadata"]["name"]: one for one in release.namespace.objects("secret")}
    claims = release.namespace.objects("persistentvolumeclaim")
    services = {one["metadata"]["name"]: one["spec"] for one in release.namespace.objects("service")}
    kept = (NODES, "octopus-deploy-node0", "octopus-deploy-node1")
    return {
        "key": base64.b64decode(found[f"{NAME}-masterkey"]["data"]["secret"]).decode(),
        "password": base64.b64decode(found[f"{NAME}-sapassword"]["data"]["secret"]).decode(),
        "volumes": {one["metadata"]["name"]: one["spec"]["volumeName"] for one in claims},
        "addresses": {
            name: (
                services[name]["clusterIP"],
                {port["name"]: port["nodePort"] for port in services[name]["ports"] if port["name"] != "web-8080"},
            )
            for name in kept
        },
    }


def is_ready(release: Release) -> bool:
    """Return whether both nodes and SQL Server are ready, and no pod is on its way out."""
    pods = release.namespace.objects("pod", "--selector", f"app.kubernetes.io/instance={NAME}")
    ready = [
        {one["type"]: one["status"] for one in pod["status"].get("conditions", [])}.get("Ready") == "True"
        for pod in pods
    ]
    return len(pods) == 3 and all(ready) and not any(pod["metadata"].get("deletionTimestamp") for pod in pods)


def replace(release: Release) -> None:
    """Delete the nodes' pods and wait until all are ready again."""
    selector = f"app.kubernetes.io/instance={NAME},app.kubernetes.io/component=octopus-server"
    release.namespace.kubectl("delete", "pod", "--selector", selector, seconds=600)
    wait_until(lambda: is_ready(release), 900, "all are ready")


def orphan(release: Release) -> None:
    """Take the StatefulSet away, but not its pods."""
    release.namespace.kubectl("delete", "statefulset", NODES, "--cascade=orphan")


def test_by_helm_upgrade(official: Release, tmp_path: Path) -> None:
    """Refused before anything is changed; moved after the command that it names; and by a rollback back again."""
    official.helm("install", NAME, str(OFFICIAL), official_values(tmp_path))
    wait_until(lambda: is_ready(official), 900, "the official release is ready")
    before = remembered(official)
    upgrade = (
        "--namespace",
        official.namespace.name,
        "upgrade",
        NAME,
        str(CHART),
        "--reset-values",
        our_values(tmp_path),
    )
    refused = helm.run(*upgrade)
    assert refused.returncode != 0
    assert f"delete statefulset {NODES} --cascade=orphan" in refused.stderr
    assert len(official.namespace.objects("statefulset")) == 2
    assert NODES + "-headless" not in {one["metadata"]["name"] for one in official.namespace.objects("service")}
    orphan(official)
    assert len(official.namespace.objects("pod")) == 3
    official.helm("upgrade", NAME, str(CHART), "--reset-values", our_values(tmp_path))
    replace(official)
    assert sorted(official.nodes.ready()) == [f"{NODES}-0", f"{NODES}-1"]
    assert remembered(official) == before
    assert official.database.migrations() == 1
    orphan(official)
    official.helm("rollback", NAME, "1")
    replace(official)
    assert remembered(official) == before
    assert official.database.migrations() == 1
    assert official.database.violations() == []


def test_by_kubectl_apply(official: Release, tmp_path: Path) -> None:
    """What is rendered without a cluster takes the same objects over, with the Secrets named that are there."""
    version = json.loads(official.namespace.kubectl("version", "--output=json").stdout)["serverVersion"]["gitVersion"]

    def apply(chart: Path, values: str) -> None:
        done = helm.run("template", NAME, str(chart), f"--kube-version={version}", values)
        assert done.returncode == 0, done.stderr
        rendered = [
            one for one in yaml.safe_load_all(done.stdout) if one and one["metadata"]["name"] != f"{NODES}-test"
        ]
        listed = {"apiVersion": "v1", "kind": "List", "items": rendered}
        official.namespace.kubectl("apply", "--filename=-", given=listed)

    apply(OFFICIAL, official_values(tmp_path))
    wait_until(lambda: is_ready(official), 900, "the official release is ready")
    before = remembered(official)
    orphan(official)
    existing = {name: {"name": f"{NAME}-{name}"} for name in SECRETS if name != "sapassword"}
    octopus = {"existingSecrets": existing, "storageAccessMode": "ReadWriteMany", "username": "", "password": ""}
    file = Path(our_values(tmp_path, **octopus).removeprefix("--values="))
    values = json.loads(file.read_text()) | {"nameOverride": "octopus-deploy"}
    values["mssql"]["existingSecret"] = {"name": "mssql", "key": "sa_password"}
    file.write_text(json.dumps(values))
    apply(CHART, f"--values={file}")
    replace(official)
    assert sorted(official.nodes.ready()) == [f"{NODES}-0", f"{NODES}-1"]
    assert remembered(official) == before
    assert official.database.migrations() == 1
    assert official.database.violations() == []
