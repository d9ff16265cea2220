"""scripts/release: make all that a release consists of, from one commit and one version.

Everything is made from the files of HEAD, not from the working tree. The same commit gives the same bytes: times are
the commit's, order and modes are fixed, and nothing of the machine or the moment gets in.
"""

import argparse
import gzip
import hashlib
import importlib.metadata
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path


ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "docker"))

import bill  # noqa: E402 - docker/ is no package


SUMS = "SHA256SUMS"
_PINNED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^ ;\\]+)(?: ; ([^\\]+))?", re.MULTILINE)
# what a build must not depend on: the second of two has these
ELSEWHERE = {"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "PYTHONHASHSEED": "7", "USER": "somebody", "COLUMNS": "40"}


class ReleaseError(Exception):
    """Why this isn't a release."""


def main() -> int:
    """Make a release in a folder, or try whether two builds are the same; return the exit code."""
    parser = argparse.ArgumentParser("scripts/release", description="Makes all that a release consists of.")
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "dist", help="where to (dist)")
    parser.add_argument("--check", action="store_true", help="build twice, and say whether the bytes are the same")
    parser.add_argument("--untagged", action="store_true", help="from a commit that has no tag: not to be published")
    parser.add_argument("--image", help="take the bill of materials out of this image, too")
    given = parser.parse_args()
    try:
        if given.check:
            return check()
        refuse(untagged=given.untagged)
        made = release(given.folder, given.image)
    except ReleaseError as error:
        print(f"scripts/release: {error}", file=sys.stderr)
        return 1
    print(*(f"{each.name}  {each.stat().st_size} bytes" for each in made), sep="\n")
    return 0


def version(source: Path = ROOT) -> str:
    """Return the version that the package says it has. Raise ReleaseError."""
    found = re.search(r'^__version__ = "(.+)"', (source / "entrypoint" / "__init__.py").read_text(), re.MULTILINE)
    if found is None:
        raise ReleaseError("entrypoint/__init__.py has no __version__.")
    return found[1]


def refuse(*, untagged: bool) -> None:
    """Raise ReleaseError if the working tree isn't what a release is made from."""
    changed = git("status", "--porcelain").splitlines()
    if changed:
        raise ReleaseError(f"{len(changed)} files differ from HEAD ({changed[0][3:]}): commit them, or put them away.")
    wanted = f"v{version()}"
    tags = [tag for tag in git("tag", "--points-at", "HEAD").split() if tag.startswith("v")]
    if tags and wanted not in tags:
        raise ReleaseError(f"HEAD has the tag {tags[0]}, and the version is {version()}: one of them is wrong.")
    if not tags and not untagged:
        raise ReleaseError(f"HEAD has no tag {wanted}: see CONTRIBUTING.md, or give --untagged for a trial.")
    if tags and f"## [{version()}]" not in (ROOT / "CHANGELOG.md").read_text():
        raise ReleaseError(f"CHANGELOG.md has no section ## [{version()}].")


def release(folder: Path, image: str | None = None) -> list[Path]:
    """Make everything in `folder`, which is made anew, and return the files. Raise ReleaseError."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as work:
        build(extract(Path(work) / "source"), folder)
    if image:
        text = run(
            "docker", "run", "--rm", "--network=none", "--entrypoint=/opt/octo-node/bin/python3", image, "-c", _READ
        )
        (folder / f"octo-node-{version()}-image.cdx.json").write_text(text)
    sums = "".join(f"{checksum(each)}  {each.name}\n" for each in sorted(folder.iterdir()))
    (folder / SUMS).write_text(sums)
    return sorted(folder.iterdir())


_READ = f"print(open('/opt/octo-node/{bill.BILL}').read(), end='')"


def extract(folder: Path) -> Path:
    """Put the files of HEAD into a folder, and return it."""
    folder.mkdir()
    archive = folder.with_suffix(".tar")
    git("archive", f"--output={archive}", "HEAD")
    with tarfile.open(archive) as files:
        files.extractall(folder)  # noqa: S202 - our own
    return folder


def build(source: Path, folder: Path, environment: dict[str, str] | None = None) -> None:
    """Make wheel, sdist, chart, manifests and the wheel's bill of materials of `source`."""
    moment = git("show", "--no-patch", "--format=%ct", "HEAD").strip()
    surroundings = os.environ | {"SOURCE_DATE_EPOCH": moment} | (environment or {})
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder.resolve())]
    run(*command, cwd=source, env=surroundings)
    number = version(source)
    chart = source / "docker" / "helm" / "octopus"
    name = re.search(r"^version: (\S+)", (chart / "Chart.yaml").read_text(), re.MULTILINE)
    if name is None:
        raise ReleaseError("Chart.yaml has no version.")
    pack(chart, "octopus", folder / f"octopus-{name[1]}.tgz", int(moment))
    plain = source / "docker" / "kubernetes"
    pack(plain, f"octo-node-{number}-manifests", folder / f"octo-node-{number}-manifests.tgz", int(moment))
    components = list(components_of(source / "requirements" / "runtime.txt"))
    document = bill.bill("octo-node", number, components, kind="application")
    (folder / f"octo-node-{number}.cdx.json").write_text(bill.text(document))


def pack(source: Path, top: str, archive: Path, moment: int) -> None:
    """Make a .tgz of a folder, in which it is called `top`: the same bytes for the same content."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as files:
        for path in sorted(each for each in source.rglob("*") if each.is_file()):
            entry = tarfile.TarInfo(f"{top}/{path.relative_to(source)}")
            entry.size, entry.mtime, entry.mode = path.stat().st_size, moment, 0o644
            with path.open("rb") as content:
                files.addfile(entry, content)
    with archive.open("wb") as file, gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=moment) as packed:
        packed.write(buffer.getvalue())


def components_of(lock: Path) -> Iterable[dict[str, object]]:
    """Give what is locked as components, with the licences that the installed packages tell. Raise ReleaseError."""
    for name, number, marker in _PINNED.findall(lock.read_text()):
        try:
            package = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            if marker:
                continue  # for another platform
            raise ReleaseError(f"{name} isn't installed here: run scripts/setup.") from None
        if package.version != number:
            raise ReleaseError(f"{name} is {package.version} here and {number} in {lock.name}: run scripts/setup.")
        yield bill.python_package(package)


def check() -> int:
    """Build twice, in other places, with other clocks, modes and languages, and compare; return the exit code."""
    sums = []
    for surroundings, mask in (({}, 0o022), (ELSEWHERE, 0o077)):
        with tempfile.TemporaryDirectory() as work:
            before = os.umask(mask)
            folder = Path(work) / ("a" * (1 + mask)) / "dist"
            folder.mkdir(parents=True)
            build(extract(Path(work) / "source"), folder, surroundings)
            os.umask(before)
            sums.append({each.name: checksum(each) for each in sorted(folder.iterdir())})
    first, second = sums
    for name in first.keys() | second.keys():
        if first.get(name) != second.get(name):
            print(f"scripts/release: two builds of {name} differ", file=sys.stderr)
    print(*(f"{value}  {name}" for name, value in first.items()), sep="\n")
    return int(first != second)


def checksum(path: Path) -> str:
    """Return a file's SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def git(*words: str) -> str:
    """Return what git says of this repository. Raise ReleaseError."""
    return run("git", *words, cwd=ROOT)


def run(*command: str, cwd: Path = ROOT, env: dict[str, str] | None = None) -> str:
    """Return what a command prints. Raise ReleaseError if it fails."""
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ReleaseError(f"`{' '.join(command)}` ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
