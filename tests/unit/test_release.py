"""scripts/release: the same bytes of the same commit, everything that a release consists of, and when there is none."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from processes import ROOT

import entrypoint


VERSION = entrypoint.__version__
pytestmark = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="a release is made from a repository")


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `scripts/release` of the repository in a folder, past its set-up."""
    command = [sys.executable, str(folder / "releasing" / "build.py"), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def git(folder: Path, *words: str) -> str:
    """Run git in a folder, with none of this machine's configuration, and return what it prints."""
    environment = os.environ | {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    command = [str(shutil.which("git")), "-c", f"safe.directory={folder}", "-C", str(folder), *words]
    return subprocess.run(command, check=True, timeout=60, capture_output=True, env=environment, text=True).stdout


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a repository of one commit: what git knows of this one, as it is in the working tree."""
    folder = tmp_path_factory.mktemp("repository") / "octo-node"
    for name in git(ROOT, "ls-files", "-z").split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "--quiet", "--message=x")
    return folder


@pytest.fixture(scope="module")
def dist(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Make a release of it, and give the files by their names."""
    folder = tmp_path_factory.mktemp("release") / "dist"
    done = run(clone, "--untagged", str(folder))
    assert done.returncode == 0, done.stderr
    return {path.name: path for path in folder.iterdir()}


def is_valid(text: str) -> bool:
    """Return whether a bill of materials is what CycloneDX 1.6 says."""
    return JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_two_builds_are_the_same(clone: Path) -> None:
    """Wheel, sdist, chart, manifests and bill are the same bytes with another umask, clock zone, locale and path."""
    done = run(clone, "--check")
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 5), done.stdout + done.stderr


def test_all_of_a_release(dist: dict[str, Path]) -> None:
    """A release has its parts, each with its checksum; the bill is valid, and names what is locked, with licences."""
    chart = yaml.safe_load((ROOT / "docker/helm/octopus/Chart.yaml").read_text())["version"]
    assert dist.keys() == {
        f"octo_node-{VERSION}-py3-none-any.whl",
        f"octo_node-{VERSION}.tar.gz",
        f"octopus-{chart}.tgz",
        f"octo-node-{VERSION}-manifests.tgz",
        f"octo-node-{VERSION}.cdx.json",
        "SHA256SUMS",
    }
    for line in dist["SHA256SUMS"].read_text().splitlines():
        value, _, name = line.partition("  ")
        assert hashlib.sha256(dist[name].read_bytes()).hexdigest() == value
    text = dist[f"octo-node-{VERSION}.cdx.json"].read_text()
    assert is_valid(text)
    components: list[dict[str, Any]] = json.loads(text)["components"]
    pins = re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements/runtime.txt").read_text(), re.MULTILINE)
    assert [each["purl"].partition("@")[0] for each in components] == [f"pkg:pypi/{name}" for name in pins]
    assert all(each["licenses"] for each in components)


def test_what_is_in_the_wheel(dist: dict[str, Path]) -> None:
    """The wheel has the package, documents, types and licence, and nothing else; the sdist has all that is in HEAD."""
    with zipfile.ZipFile(dist[f"octo_node-{VERSION}-py3-none-any.whl"]) as wheel:
        names = wheel.namelist()
    assert {name.partition("/")[0] for name in names} == {"entrypoint", f"octo_node-{VERSION}.dist-info"}
    assert {"entrypoint/py.typed", "entrypoint/docs/check.md", f"octo_node-{VERSION}.dist-info/licenses/LICENSE"} <= {
        *names
    }
    with tarfile.open(dist[f"octo_node-{VERSION}.tar.gz"]) as sdist:
        listed = {name.partition("/")[2] for name in sdist.getnames()}
    assert {"pyproject.toml", "requirements/runtime.txt", "scripts/setup", "LICENSE", "docs/check.md"} <= listed


def test_when_there_is_no_release(clone: Path, tmp_path: Path) -> None:
    """No tag, a tag of another version, a tree that differs: nothing is made, and the reason is said."""
    folder = str(tmp_path / "dist")
    without = run(clone, folder)
    git(clone, "tag", "v99.0.0")
    other = run(clone, folder)
    git(clone, "tag", "--delete", "v99.0.0")
    (clone / "forgotten").touch()
    dirty = run(clone, "--untagged", folder)
    (clone / "forgotten").unlink()
    assert (without.returncode, other.returncode, dirty.returncode) == (1, 1, 1)
    assert f"HEAD has no tag v{VERSION}" in without.stderr
    assert f"HEAD has the tag v99.0.0, and the version is {VERSION}" in other.stderr
    assert "1 files differ from HEAD (forgotten)" in dirty.stderr
    assert not (tmp_path / "dist").exists()


def test_one_version() -> None:
    """Chart, manifests and compose files take the octo-node that they come with."""
    found = {
        "values.yaml": yaml.safe_load((ROOT / "docker/helm/octopus/values.yaml").read_text())["octoNode"]["image"][
            "tag"
        ],
        "compose.yaml": re.findall(r"OCTO_NODE_TAG:-([^}]+)\}", (ROOT / "docker/compose.yaml").read_text()),
        ".env.example": re.findall(r"^OCTO_NODE_TAG=(.+)$", (ROOT / "docker/.env.example").read_text(), re.MULTILINE),
    }
    for path in (ROOT / "docker/kubernetes").glob("*/kustomization.yaml"):
        images = yaml.safe_load(path.read_text())["images"]
        found[str(path)] = [each["newTag"] for each in images if each["name"] == "octo-node"]
    assert {each for tags in found.values() for each in ([tags] if isinstance(tags, str) else tags)} == {VERSION}, found
