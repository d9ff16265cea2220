"""The rehearsal of a move: it tells the truth, and no secret."""

import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from chart import helm
from processes import ROOT


OFFICIAL = ROOT / "tests" / "kubernetes" / "official"
KEPT = "{helm.sh/resource-policy: keep}"
SECRETS = {"masterkey": helm.KEY, "sapassword": "S3cret-of-sa", "connectionstring": helm.CONNECTION}


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Give the manifest of a release of the chart that stands for the official one."""
    values = {"secrets": SECRETS, "saPassword": SECRETS["sapassword"], "variables": {}, "env": [{"name": "A"}]}
    (tmp_path / "official.json").write_text(json.dumps(values))
    done = helm.run("template", "octopus", str(OFFICIAL), f"--values={tmp_path / 'official.json'}")
    assert done.returncode == 0, done.stderr
    (tmp_path / "manifest.yaml").write_text(done.stdout)
    return tmp_path / "manifest.yaml"


def rehearse(manifest: Path, values: object, *more: str) -> subprocess.CompletedProcess[str]:
    """Rehearse the move of a release with these values."""
    file = manifest.with_name("values.json")
    file.write_text(json.dumps(values))
    words = ["octopus", f"--manifest={manifest}", f"--values={file}", *more]
    command = [sys.executable, str(ROOT / "docker" / "helm" / "rehearse.py"), *words]
    environ = os.environ | {"HELM": str(helm.HELM)}
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)


def usual(**octopus: object) -> dict[str, object]:
    """Return the values of that release, as people give them, and more."""
    mssql = {"enabled": True, "ACCEPT_EULA": "Y"}
    return {"octopus": {"acceptEula": "Y", "replicaCount": 2, "storageClassName": "-"} | octopus, "mssql": mssql}


def lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return what was told, without the blanks between columns."""
    return [" ".join(line.split()) for line in done.stdout.splitlines()]


def test_a_move(manifest: Path) -> None:
    """Secrets and claims first: all are kept, though nobody gave them; one command is named; no secret is printed."""
    done = rehearse(manifest, usual())
    assert done.returncode == 0, done.stdout + done.stderr
    told = lines(done)
    assert told[0] == "Secret:"
    assert told.index("PersistentVolumeClaim:") < told.index("StatefulSet:") < told.index("Service:")
    assert {"kept octopus-masterkey", "kept octopus-sapassword", "kept artifacts-claim", "kept mssql"} <= set(told)
    assert "deleted mssql: what it keeps is in octopus-sapassword" in told
    assert "kept octopus-deploy-node0" in told
    assert "kubectl delete statefulset octopus-octopus-deploy --cascade=orphan" in done.stdout
    assert not [secret for secret in SECRETS.values() if secret in done.stdout + done.stderr]


def test_what_would_be_lost(manifest: Path) -> None:
    """A claim that can't be what the values say, names that change, and a Secret that goes are told, with code 1."""
    done = rehearse(manifest, usual(storageClassName="azurefile"))
    assert done.returncode == 1
    assert "refused artifacts-claim: its storage class is '', and can't become 'azurefile'" in lines(done)
    done = rehearse(manifest, usual() | {"nameOverride": "octopus"})
    told = lines(done)
    assert "deleted octopus-octopus-deploy" in told
    assert "kept octopus-deploy-node0" in told
    shared = {"sharedVolume": {"enabled": True}}
    done = rehearse(manifest, usual(**shared))
    assert done.returncode == 1
    assert "left artifacts-claim: Helm keeps it, nothing uses it: what is in it would seem gone" in lines(done)
    done = rehearse(manifest, usual(artifactVolume={"size": "100Mi"}))
    assert done.returncode == 1
    assert "refused artifacts-claim: it has 1Gi, and can't be made smaller (100Mi)" in lines(done)


def test_a_claim_that_is_left(manifest: Path) -> None:
    """A claim that Helm keeps and nothing uses any more is a loss; a mode that the chart keeps is none."""
    text = manifest.read_text()
    claim = "{name: artifacts-claim, "
    assert claim in text
    manifest.write_text(text.replace(claim, f"{claim}annotations: {KEPT}, "))
    done = rehearse(manifest, usual(sharedVolume={"enabled": True}))
    assert "left artifacts-claim: Helm keeps it, nothing uses it: what is in it would seem gone" in lines(done)
    assert done.returncode == 1
    done = rehearse(manifest, usual(replicaCount=1))
    assert "kept artifacts-claim" in lines(done)
    assert done.returncode == 0, done.stdout


def test_a_refusal(manifest: Path) -> None:
    """What the chart refuses is told in its own sentence."""
    done = rehearse(manifest, usual(databaseConnectionString="") | {"mssql": {"enabled": True, "replicas": 3}})
    assert done.returncode == 1
    assert done.stdout.startswith("Refused: mssql.replicas isn't a value of this chart: set ")


def test_the_move_itself_is_rehearsed(manifest: Path) -> None:
    """As `--reset-values` has it: what only the release's own values have is lost, images that change are told."""
    text = re.sub("image: *\n", "image: octopusdeploy/octopusdeploy:2026.1\n", manifest.read_text())
    licence = base64.b64encode(b"PExpY2Vuc2UvPg==").decode()
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "octopus-licensekey"}}
    manifest.write_text(f"{text}\n---\n{json.dumps(secret | {'data': {'secret': licence}})}\n")
    licensed = manifest.with_name("release.json")
    licensed.write_text(json.dumps({"octopus": {"licenseKeyBase64": "PExpY2Vuc2UvPg==", "image": {"tag": "2026.1"}}}))
    given = usual(masterKey=helm.KEY)
    done = rehearse(manifest, given, f"--release-values={licensed}")
    assert "lost octopus-licensekey: what it keeps is nowhere else: make a copy of it" in lines(done)
    assert done.returncode == 1
    image = "image octopus-octopus-deploy: octopusdeploy/octopusdeploy:2026.1"
    assert f"{image} becomes octopusdeploy/octopusdeploy:2026.2" in lines(done)
    done = rehearse(manifest, given, f"--release-values={licensed}", "--reuse-values")
    assert "kept octopus-licensekey" in lines(done)
    assert f"{image} stays" in lines(done)
    assert done.returncode == 0, done.stdout


def test_existing_objects_that_the_release_made(manifest: Path) -> None:
    """What values name as existing is kept, as the chart keeps it, and nothing is put beside it."""
    values = usual(existingSecrets={name: {"name": f"octopus-{name}"} for name in ("connectionstring", "masterkey")})
    mssql = {"enabled": True, "ACCEPT_EULA": "Y", "existingSecret": {"name": "mssql", "key": "sa_password"}}
    done = rehearse(manifest, values | {"mssql": mssql})
    assert done.returncode == 0, done.stdout
    assert {"kept octopus-connectionstring", "kept octopus-masterkey", "kept mssql"} <= set(lines(done))


def test_a_chart_that_depends_on_this_one(manifest: Path, tmp_path: Path) -> None:
    """Its values have ours under the dependency's name."""
    helm.copy(tmp_path / "platform" / "charts" / "octopus")
    about = "apiVersion: v2\nname: platform\nversion: 1.0.0\ndependencies: [{name: octopus, version: '>=0-0'}]\n"
    (tmp_path / "platform" / "Chart.yaml").write_text(about)
    done = rehearse(manifest, {"octopus": usual()}, f"--chart={tmp_path / 'platform'}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {"kept octopus-masterkey", "kept octopus-sapassword"} <= set(lines(done))
