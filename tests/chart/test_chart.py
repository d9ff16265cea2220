"""The chart as a whole, its notes, and the plain manifests that are made from it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from chart import helm
from processes import ROOT
from values import CHART, values


PAGES = [ROOT / "docs" / "kubernetes.md", *sorted((ROOT / "docs" / "kubernetes").glob("*.md"))]
DOCUMENT = " ".join(" ".join(page.read_text() for page in PAGES).split())
PLAIN = sorted(path.parent for path in (ROOT / "docker" / "kubernetes").glob("*/kustomization.yaml"))


@pytest.mark.parametrize("name", helm.EXAMPLES)
def test_lint(name: str) -> None:
    """Helm finds nothing wrong with the chart."""
    done = helm.run("lint", "--strict", str(CHART), f"--values={CHART / 'examples' / name}.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[WARNING]" not in done.stdout


def notes(folder: Path, *words: str) -> str:
    """Return what is told after an install: Helm prints that only with a cluster, but templates always."""
    copy = folder / "octopus"
    shutil.copytree(CHART, copy, dirs_exist_ok=True)
    (copy / "templates" / "notes.yaml").write_text(f"text: |\n  {(copy / 'templates' / 'NOTES.txt').read_text()}")
    example = f"--values={CHART / 'examples' / 'ha.yaml'}"
    return helm.run("template", "octopus", str(copy), example, *words, "--debug").stdout


def test_notes(tmp_path: Path) -> None:
    """After an install it is told how to watch it; after an upgrade, the one command that replaces the nodes."""
    selector = "--selector app.kubernetes.io/instance=octopus,app.kubernetes.io/part-of=octopus-server"
    installed, upgraded = notes(tmp_path), notes(tmp_path, "--is-upgrade")
    assert f"get pods {selector}" in installed
    assert f"delete pod {selector}" not in installed
    assert f"delete pod {selector}" in upgraded
    assert "octopus.acceptEula isn't Y" not in installed
    assert "octopus.acceptEula isn't Y" in notes(tmp_path, "--set=octopus.acceptEula=N")


def test_old_kubernetes() -> None:
    """What Kubernetes 1.20 doesn't know yet isn't rendered for it: `helm install` needs no option to get by."""
    for version, budget in (("1.20.2", "policy/v1beta1"), ("1.21.0", "policy/v1")):
        found = helm.render(f"--kube-version={version}")
        assert [one["apiVersion"] for one in found.of("PodDisruptionBudget").values()] == [budget]


def test_plain_manifests_are_up_to_date() -> None:
    """docker/kubernetes is what the chart renders."""
    done = subprocess.run(
        [str(ROOT / "scripts" / "render"), "--check"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("folder", PLAIN, ids=lambda folder: folder.name)
def test_kustomize(folder: Path) -> None:
    """`kubectl kustomize` makes valid objects of a folder: those of the chart, with the image and the Secrets."""
    command = [shutil.which("kubectl") or "kubectl", "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found = helm.Rendered(list(yaml.safe_load_all(done.stdout)))
    for one in found.objects:
        kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)
    plain = [one for one in yaml.safe_load_all((folder / "octopus.yaml").read_text()) if one]
    assert len(found.objects) == len(plain) + len(found.of("Secret"))
    assert {container["image"] for container in found.containers} == {"octopusdeploy/octopusdeploy:2026.2"}
    assert {one["image"] for pod in found.pods for one in pod["initContainers"]} == {
        "registry.example.org/octo-node:0.1.0"
    }
    mounted = {
        source["secret"]["name"]
        for pod in found.pods
        for volume in pod["volumes"]
        for source in volume.get("projected", {}).get("sources", [])
    }
    assert set(found.of("Secret")) == mounted


def test_plain_manifests_accept_no_licence() -> None:
    """Whoever uses them accepts the licence agreement themselves."""
    for folder in PLAIN:
        found = helm.Rendered(list(filter(None, yaml.safe_load_all((folder / "octopus.yaml").read_text()))))
        assert [helm.environment(container)["ACCEPT_EULA"] for container in found.containers] == ["N"]


def test_the_document_names_values_that_exist() -> None:
    """docs/kubernetes.md and its pages name values as the chart does, or as another chart that is refused with them."""
    known = {value.name for value in values()} | set(helm.SUCCESSORS)
    known |= {name.rsplit(".", depth)[0] for name in known for depth in (1, 2, 3)} | {"mssql.storageClass"}
    named = re.findall(
        r"\b(?:octopus|octoNode|mssql(?:-linux)?)\.(?!yaml|example\b|com\b|metadata\b)[A-Za-z]\w*(?:\.\w+)*", DOCUMENT
    )
    assert set(named) - known == set()


def test_the_document_has_each_official_value() -> None:
    """docs/kubernetes/official-chart.md tells what each official value does here, and why if it differs."""
    table = (ROOT / "docs" / "kubernetes" / "official-chart.md").read_text()
    rows = [line.split("|")[1:4] for line in table.splitlines() if line.startswith("| `")]
    assert {row[1].strip() for row in rows} == {"=", "≈", "P"}
    assert [row[0] for row in rows if row[1].strip() != "=" and len(row[2].strip()) < 20] == []
    official = yaml.safe_load((ROOT / "tests" / "chart" / "official-values.yaml").read_text())
    for name in official["octopus"]:
        assert f"`octopus.{name}" in table, name
    for name in {*official, *official["mssql"]} - {"octopus"}:
        assert name in table, name


def test_the_document_tells_the_grace_period() -> None:
    """docs/kubernetes.md tells how long a stop may take."""
    grace = next(helm.render().pods)["terminationGracePeriodSeconds"]
    assert f"{grace} seconds as it is" in DOCUMENT


def test_the_document_selects_all_nodes() -> None:
    """The selectors that docs/kubernetes.md tells people to delete pods by are those of all nodes only."""
    found = helm.example("ui-only", **{"mssql.enabled": "true", "mssql.ACCEPT_EULA": "Y", "mssql.SA_PASSWORD": "x"})
    labels = {name: one["spec"]["template"]["metadata"]["labels"] for name, one in found.of("StatefulSet").items()}
    selectors = re.findall(r"delete pod --selector ([^\s`]*instance=octopus,\S+)", DOCUMENT)
    assert selectors
    for selector in selectors:
        wanted = dict(pair.split("=") for pair in selector.split(",")).items()
        assert {name for name, found in labels.items() if wanted <= found.items()} == {"octopus", "octopus-ui"}


def test_the_packaged_chart(tmp_path: Path) -> None:
    """The chart as a release has it is the chart: Helm reads it, and renders the same."""
    program = (
        "import build, pathlib, sys; build.pack(pathlib.Path(sys.argv[1]), 'octopus', pathlib.Path(sys.argv[2]), 0)"
    )
    archive = tmp_path / "octopus.tgz"
    subprocess.run([sys.executable, "-c", program, CHART, archive], cwd=ROOT / "releasing", check=True, timeout=60)
    values = f"--values={CHART / 'examples' / 'single.yaml'}"
    plain, packed = (helm.run("template", "x", str(chart), values).stdout for chart in (CHART, archive))
    assert plain == packed != ""
