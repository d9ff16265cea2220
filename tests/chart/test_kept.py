"""What an upgrade deletes, against a stand-in of the cluster's API: nothing that keeps what can't be had again."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from chart import api, helm
from chart.api import Cluster
from processes import ROOT
from values import CHART


OFFICIAL = ROOT / "tests" / "kubernetes" / "official"
SECRETS = {name: f"of {name}" for name in ("connectionstring", "adminusername", "adminpassword", "licensekey")}
SECRETS["masterkey"] = helm.KEY
# values of volumes, and their claims
CLAIMS = {
    "packageRepository": "package-repository",
    "artifact": "artifacts",
    "taskLog": "task-log",
    "auditLog": "audit-log",
}
NODES = ("StatefulSet", "octopus-octopus-deploy")
EXISTING = {name: {"name": f"octopus-{name}"} for name in SECRETS}
UNCHECKED = "--disable-openapi-validation"


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Give an empty cluster."""
    with api.running() as found:
        yield found


@pytest.fixture
def official(cluster: Cluster, tmp_path: Path) -> Cluster:
    """Give a cluster with a release of the official chart's objects, whose StatefulSet was taken away."""
    values = {"secrets": SECRETS, "saPassword": "S3cret-of-sa", "variables": {}, "env": [{"name": "A"}]}
    (tmp_path / "official.json").write_text(json.dumps(values))
    done = cluster.helm("install", "octopus", str(OFFICIAL), f"--values={tmp_path / 'official.json'}", UNCHECKED)
    assert done.returncode == 0, done.stderr
    del cluster.objects[NODES]
    return cluster


def upgrade(cluster: Cluster, folder: Path, values: object, verb: str = "upgrade", *more: str) -> None:
    """Upgrade the release to this chart with these values."""
    (folder / "values.json").write_text(json.dumps(values))
    words = ("octopus", str(CHART), f"--values={folder / 'values.json'}", UNCHECKED, *more)
    done = cluster.helm(verb, *words)
    assert done.returncode == 0, done.stderr


def content(cluster: Cluster) -> dict[str, object]:
    """Return what the Secrets keep, but for Helm's own."""
    found = {name: one for (kind, name), one in cluster.objects.items() if kind == "Secret"}
    return {name: one["data"] for name, one in found.items() if not name.startswith("sh.helm")}


def test_naming_what_is_there_deletes_nothing(official: Cluster, tmp_path: Path) -> None:
    """Secrets and claims of the release that values name as existing stay, in a second upgrade and a rollback too."""
    claims = {f"{value}Volume": {"existingClaim": f"{claim}-claim"} for value, claim in CLAIMS.items()}
    mssql = {
        "enabled": True,
        "ACCEPT_EULA": "Y",
        "storageClassName": "-",
        "existingSecret": {"name": "mssql", "key": "sa_password"},
    }
    values = {"octopus": {"existingSecrets": EXISTING, "storageAccessMode": "ReadWriteMany"} | claims, "mssql": mssql}
    before = content(official)
    for _ in range(2):
        upgrade(official, tmp_path, values, "upgrade", "--reset-values")
        assert {what for what in official.done("DELETE") if what.startswith(("Secret", "Persistent"))} == set()
        assert content(official) == before
        for claim in CLAIMS.values():
            kept = official.objects["PersistentVolumeClaim", f"{claim}-claim"]["metadata"]["annotations"]
            assert kept["helm.sh/resource-policy"] == "keep"
    del official.objects[NODES]
    back = official.helm("rollback", "octopus", "1")
    assert back.returncode == 0, back.stderr
    assert content(official) == before


def test_other_claims_leave_those_that_were_used(official: Cluster, tmp_path: Path) -> None:
    """Who names claims of their own keeps the release's, for as long as they want."""
    values = {"octopus": {"sharedVolume": {"enabled": True, "existingClaim": "mine"}}}
    upgrade(official, tmp_path, values, "upgrade", "--set=octopus.databaseConnectionString=x")
    assert not [what for what in official.done("DELETE") if what.startswith("Persistent")]


def test_create_secrets_turned_off(cluster: Cluster, tmp_path: Path) -> None:
    """`createSecrets` from true to false, with the names that the documents give, deletes no Secret of the release."""
    octopus = {"masterKey": helm.KEY, "databaseConnectionString": "x", "licenseKeyBase64": "PExpY2Vuc2UvPg=="}
    upgrade(cluster, tmp_path, {"octopus": octopus}, "install")
    before = content(cluster)
    own = {"createSecrets": False, "secretNames": ["connectionstring", "masterkey", "licensekey"]}
    upgrade(cluster, tmp_path, {"octopus": own}, "upgrade", "--reset-values")
    assert content(cluster) == before
    assert not cluster.done("DELETE")


@pytest.mark.parametrize("labels", [{"helm.sh/chart": "platform-1.0.0"}, {}], ids=["parent chart", "no label"])
def test_what_others_render_is_theirs(cluster: Cluster, tmp_path: Path, labels: dict[str, str]) -> None:
    """A Secret that a parent chart, or `extraManifests`, renders under the same release isn't rendered twice."""
    upgrade(cluster, tmp_path, {"octopus": {"databaseConnectionString": "x"}}, "install")
    owner = {"meta.helm.sh/release-name": "octopus"}
    secret = {"name": "vault", "labels": labels, "annotations": owner}
    cluster.objects["Secret", "vault"] = {"apiVersion": "v1", "kind": "Secret", "metadata": secret, "data": {}}
    upgrade(cluster, tmp_path, {"octopus": {"existingSecrets": {"connectionstring": {"name": "vault"}}}})
    assert "Secret vault" not in cluster.done("PATCH")


def test_from_the_first_chart(official: Cluster, tmp_path: Path) -> None:
    """Uninstalling deletes claims that are annotated later; without Helm's record of the release they are taken up."""
    records = [key for key in official.objects if key[1].startswith("sh.helm.release")]
    record = {key: official.objects.pop(key) for key in records}  # kubectl delete secret --selector owner=helm,...
    octopus = {"databaseConnectionString": "x", "artifactVolume": {"existingClaim": "artifacts-claim"}}
    upgrade(official, tmp_path, {"octopus": octopus, "nameOverride": "other"}, "install")
    assert "Persistent" not in "".join(official.done("DELETE"))
    official.objects = {key: one for key, one in official.objects.items() if not key[1].startswith("sh.helm")} | record
    for claim in CLAIMS.values():
        official.annotate("PersistentVolumeClaim", f"{claim}-claim", **{"helm.sh/resource-policy": "keep"})
    official.helm("uninstall", "octopus")
    assert "PersistentVolumeClaim artifacts-claim" in official.done(
        "DELETE"
    )  # https://github.com/helm/helm/issues/10890
    assert "helm.sh/resource-policy=keep" not in (ROOT / "docs" / "kubernetes" / "move.md").read_text()
