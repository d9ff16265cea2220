"""scripts/audit: known holes in what is locked or allowed, by the recorded advisories.

An advisory is (id, aliases, ranges of versions, source). The record is a small dated file, so that a check gives the
same answer on every machine and needs no network; the forge's workflow also asks pip-audit, which knows today's.
"""

import argparse
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version


ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / "requirements" / "advisories.json"
_PINNED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^ ;\\]+)", re.MULTILINE)


def main() -> int:
    """Look, or record anew; return the exit code."""
    parser = argparse.ArgumentParser("scripts/audit", description="Says whether a known hole is in what is used.")
    parser.add_argument("--refresh", type=Path, metavar="FOLDER", help="a clone of pypa/advisory-database")
    given = parser.parse_args()
    if given.refresh:
        refresh(given.refresh)
    record = json.loads(RECORD.read_text())
    found = [*holes(locked(), record["advisories"]), *holes(floors(), record["advisories"])]
    print(*found, sep="\n", end="\n" if found else "")
    print(f"{len(record['advisories'])} advisories of {record['date']}: {len(found)} in use.")
    return int(bool(found))


def locked(folder: Path = ROOT / "requirements") -> list[tuple[str, str, str]]:
    """Return where, name and version of everything that is locked."""
    return [
        (path.name, name, version)
        for path in sorted(folder.glob("*.txt"))
        for name, version in _PINNED.findall(path.read_text())
    ]


def floors(project: Path = ROOT / "pyproject.toml") -> list[tuple[str, str, str]]:
    """Return where, name and version of the lowest versions that are allowed, of what has a floor."""
    told = tomllib.loads(project.read_text())
    groups = [told["project"]["dependencies"], *told["dependency-groups"].values()]
    needed = [Requirement(each) for group in groups for each in group if isinstance(each, str)]
    return [
        (project.name, canonicalize_name(each.name), bound.version)
        for each in needed
        for bound in each.specifier
        if bound.operator in {">=", "==", "~="}
    ]


def holes(used: list[tuple[str, str, str]], advisories: list[dict[str, Any]]) -> Iterator[str]:
    """Give a sentence for each hole in what is used."""
    for where, name, version in used:
        for each in advisories:
            if each["package"] == name and is_affected(Version(version), each["ranges"]):
                fixed = ", ".join(sorted({span["fixed"] for span in each["ranges"] if "fixed" in span})) or "none yet"
                others = "".join(f", {alias}" for alias in each["aliases"])
                yield f"{where}: {name} {version} has {each['id']}{others}; fixed in: {fixed}"


def is_affected(version: Version, ranges: list[dict[str, str]]) -> bool:
    """Return whether a version is in one of the ranges: from `introduced`, to before `fixed`."""
    return any(
        Version(span["introduced"]) <= version and ("fixed" not in span or version < Version(span["fixed"]))
        for span in ranges
    )


def refresh(folder: Path) -> None:
    """Record the advisories of the packages in use, from a clone; keep those that came from elsewhere."""
    names = sorted({name for _, name, _ in [*locked(), *floors()]})
    kept = [each for each in json.loads(RECORD.read_text())["advisories"] if "source" in each]
    found = [advisory for name in names for advisory in recorded(folder, name)]
    known = {alias for each in found for alias in [each["id"], *each["aliases"]]}
    kept = [each for each in kept if not known & {each["id"], *each["aliases"]}]
    commit = ask(folder, "log", "-1", "--format=%H %cs")
    told = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "source": f"https://github.com/pypa/advisory-database at {commit.strip()}; others say their own",
        "packages": names,
        "advisories": sorted([*found, *kept], key=lambda each: (each["package"], each["id"])),
    }
    RECORD.write_text(json.dumps(told, indent=1) + "\n")


def recorded(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    """Give the advisories of a package that the database has and hasn't withdrawn."""
    for path in ask(folder, "ls-tree", "--name-only", "HEAD", f"vulns/{name}/").split():
        told = yaml.safe_load(ask(folder, "show", f"HEAD:{path}"))
        if "withdrawn" in told:
            continue
        spans = [span for each in told["affected"] for span in each.get("ranges", ()) if span["type"] == "ECOSYSTEM"]
        ranges = [one for span in spans for one in pairs(span["events"])]
        yield {"package": name, "id": told["id"], "aliases": sorted(told.get("aliases", ())), "ranges": ranges}


def pairs(events: list[dict[str, str]]) -> Iterator[dict[str, str]]:
    """Give the ranges that a list of events describes, each `introduced` with the `fixed` behind it."""
    begun: str | None = None
    for event in events:
        if "introduced" in event:
            begun = str(event["introduced"])
        elif "fixed" in event and begun is not None:
            yield {"introduced": begun, "fixed": str(event["fixed"])}
            begun = None
    if begun is not None:
        yield {"introduced": begun}


def ask(folder: Path, *words: str) -> str:
    """Return what git says of a repository."""
    command = ["git", "-C", str(folder), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    sys.exit(main())
