"""What /opt/octo-node is made of, for those who have to know: package data, licences, and a bill of materials.

Scanners know Debian's packages by `var/lib/dpkg/status.d`, as distroless images have it, Python's by their
`.dist-info`, and all of them by `sbom.cdx.json` (CycloneDX 1.6), which has no date and no random number: the same parts
give the same bytes.
"""

import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any


BILL = "sbom.cdx.json"
LICENCES = "licenses"
STATUS = "var/lib/dpkg/status.d"
DATABASE = Path("/var/lib/dpkg/info")
COMMON = Path("/usr/share/common-licenses")
DOCUMENTS = Path("/usr/share/doc")
_COMMON = re.compile(r"/usr/share/common-licenses/([A-Za-z0-9.-]*[A-Za-z0-9])")
_FIELDS = ("Package", "Version", "Architecture", "source:Package", "source:Version")


def write(home: Path, source: Path, copied: Iterable[str], version: str) -> None:
    """Describe the folder `home`, which has octo-node of `source`, libraries and the Debian files `copied`."""
    (home / LICENCES / "octo-node").mkdir(parents=True)
    shutil.copy(source / "LICENSE", home / LICENCES / "octo-node")
    (home / STATUS).mkdir(parents=True)
    components = []
    for package in sorted(owners(copied)):
        components.append(debian(package))
        name = components[-1]["name"]
        (home / STATUS / name).write_text(ask("dpkg-query", "--status", package))
        copy_licence(name, home / LICENCES)
    if not any("python3" in each["name"] for each in components):
        components.append(interpreter())  # an image's own, which no package brought
        (home / LICENCES / "python").mkdir()
        shutil.copy(Path(sysconfig.get_path("stdlib")) / "LICENSE.txt", home / LICENCES / "python")
    components += python_packages(home / "packages")
    (home / BILL).write_text(text(bill("octo-node", version, components, kind="container")))


def owners(paths: Iterable[str]) -> set[str]:
    """Return Debian's packages, as dpkg calls them, that brought the files; what nobody brought isn't Debian's."""
    wanted = {Path(path).parent.resolve() / Path(path).name for path in paths}
    wanted |= {path.resolve() for path in wanted}
    found = set()
    for listing in DATABASE.glob("*.list"):
        brought = (Path(line) for line in listing.read_text().splitlines())
        # a merged /usr: dpkg knows a path as it was packed, under /lib or /usr/lib
        if any(
            path in wanted or Path("/usr") / path.relative_to("/") in wanted for path in brought if path.is_absolute()
        ):
            found.add(listing.stem)
    return found


def debian(package: str) -> dict[str, Any]:
    """Return a Debian package as a component; its licences are in its copyright file."""
    form = "\t".join(f"${{{field}}}" for field in _FIELDS)
    name, version, architecture, source, source_version = ask(
        "dpkg-query", "--show", "--showformat", form, package
    ).split("\t")
    purl = f"pkg:deb/debian/{name}@{quoted(version)}?arch={architecture}&upstream={source}%40{quoted(source_version)}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        "properties": [{"name": "octo-node:licence", "value": f"{LICENCES}/{name}/copyright"}],
    }


def interpreter() -> dict[str, Any]:
    """Return the Python that runs this, as a component."""
    version = sys.version.partition(" ")[0]
    reference = f"pkg:generic/python@{version}"
    licence = [{"license": {"id": "PSF-2.0"}}]
    return {"type": "platform", "bom-ref": reference, "name": "python", "version": version, "purl": reference} | {
        "licenses": licence
    }


def copy_licence(name: str, folder: Path) -> None:
    """Copy a Debian package's copyright file, and the texts of licences that it names. End if there is none."""
    copyright_file = DOCUMENTS / name / "copyright"
    if not copyright_file.is_file():
        sys.exit(f"assemble: {copyright_file} isn't here: BUILD_IMAGE has to keep /usr/share/doc/*/copyright")
    (folder / name).mkdir()
    shutil.copy(copyright_file, folder / name)
    (folder / "common").mkdir(exist_ok=True)
    for licence in _COMMON.findall(copyright_file.read_text(errors="replace")):
        if (COMMON / licence).is_file():
            shutil.copy(COMMON / licence, folder / "common")


def python_packages(folder: Path) -> Iterator[dict[str, Any]]:
    """Give the Python packages in a folder as components, in order."""
    found = importlib.metadata.distributions(path=[str(folder)])
    for each in sorted(found, key=lambda each: str(each.metadata["Name"]).lower()):
        yield python_package(each)


def python_package(package: importlib.metadata.Distribution) -> dict[str, Any]:
    """Return a Python package as a component, with the licence that its metadata tells."""
    name, version = str(package.metadata["Name"]), package.version
    purl = f"pkg:pypi/{re.sub(r'[-_.]+', '-', name).lower()}@{version}"
    component: dict[str, Any] = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
    expression = package.metadata["License-Expression"]
    classifiers = package.metadata.get_all("Classifier") or []
    names = [each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License :: ")]
    if expression:
        component["licenses"] = [{"expression": str(expression)}]
    elif names or package.metadata["License"]:
        told = names or [str(package.metadata["License"]).splitlines()[0]]
        component["licenses"] = [{"license": {"name": each}} for each in told]
    return component


def bill(name: str, version: str, components: list[dict[str, Any]], *, kind: str) -> dict[str, Any]:
    """Return a CycloneDX document: what `name`, an application or container, is made of."""
    reference = f"{name}@{version}"
    licences = [{"license": {"id": "Apache-2.0"}}]
    subject = {"type": kind, "bom-ref": reference, "name": name, "version": version, "licenses": licences}
    depends = [{"ref": reference, "dependsOn": [each["bom-ref"] for each in components]}]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": subject},
        "components": components,
        "dependencies": depends,
    }


def text(document: dict[str, Any]) -> str:
    """Return a document as text."""
    return json.dumps(document, indent=1) + "\n"


def quoted(version: str) -> str:
    """Return a Debian version as a package URL has it."""
    return version.replace(":", "%3A").replace("+", "%2B")


def ask(*command: str) -> str:
    """Return what a command prints; end if it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, timeout=60)
    if done.returncode:
        sys.exit(f"assemble: {' '.join(command)} ended with {done.returncode}\n{done.stdout}")
    return done.stdout
