"""Images for tests, made here: nothing of Octopus's or Microsoft's is downloaded.

Debian's is made once and kept under its tag; the others are made from it, which the engine's cache makes quick.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from container.engine import docker
from processes import ROOT


PACKAGES = (
    *("busybox-static", "ca-certificates", "docker.io", "iproute2", "iptables", "libodbc2", "patchelf", "procps"),
    *("python3", "python3-pip", "python3-pyodbc", "tdsodbc", "unixodbc"),
)
DEBIAN = "octo-node-test/debian:bookworm-3"
OCTOPUS = "octo-node-test/octopus"
VERSIONS = ("2026.2.197", "2026.3.1")  # of the stand-in
BARE = "octo-node-test/bare"
SQL = "octo-node-test/sqlserver"
NODE = "octo-node-test/node"
OWN = "octo-node-test/octo-node"
ROOTLESS = "octo-node-test/rootless"
FOLDER = ROOT / "tests" / "container" / "dockerfiles"


def debian() -> str:
    """Make the Debian that the others are made from, if it isn't there: with debootstrap, or from Docker Hub's."""
    with _alone():
        if docker("image", "inspect", DEBIAN, check=False).returncode:
            if os.getuid() == 0 and shutil.which("debootstrap"):
                _bootstrap()
            else:
                _build(DEBIAN, "debian", PACKAGES=" ".join(PACKAGES))
    return DEBIAN


@contextmanager
def _alone() -> Iterator[None]:
    """Keep other test processes away: the wheels are in one folder, and one Debian is enough."""
    with Path(__file__).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _bootstrap() -> None:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        root = Path(folder) / "root"
        bootstrap = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", "bookworm", str(root)]
        subprocess.run(bootstrap, check=True, stdout=sys.stderr)
        archive = Path(folder) / "root.tar"
        leave_out = ["--exclude=./var/cache/apt/*", "--exclude=./var/lib/apt/lists/*"]
        pack = ["tar", "-C", str(root), *leave_out, "-cf", str(archive), "."]
        subprocess.run(pack, check=True)
        path = "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        docker("import", "--change", path, str(archive), DEBIAN)


def _build(tag: str, name: str, target: str = "", **arguments: str) -> str:
    given = [f"--build-arg={key}={value}" for key, value in arguments.items()]
    given += [f"--target={target}"] if target else []
    docker("build", "--tag", tag, "--file", str(FOLDER / f"{name}.Dockerfile"), *given, str(ROOT / "tests"))
    return tag


def octopus() -> str:
    """Make the image that stands for Octopus's."""
    return _build(OCTOPUS, "octopus", BASE=debian())


def hardened(version: str = VERSIONS[0]) -> str:
    """Make the image that stands for a version of Octopus's hardened one: no Python, no shell, user 1001."""
    plain = _build(f"{OCTOPUS}:plain", "octopus", "plain", BASE=debian())
    return _build(f"{OCTOPUS}:{version}-hardened", "hardened", OCTOPUS=plain, VERSION=version)


def bare() -> str:
    """Make an image with nothing in it."""
    return _build(BARE, "bare", BASE=debian())


def sqlserver() -> str:
    """Make the image that stands for SQL Server's."""
    return _build(SQL, "sqlserver", OCTOPUS=octopus())


def own() -> str:
    """Build the image that has octo-node and nothing else."""
    return _real("--target", "octo-node", "--build-arg", f"BUILD_IMAGE={debian()}", "--tag", OWN)


def node(base: str, tag: str = NODE, **arguments: str) -> str:
    """Build the real Dockerfile over `base`, as a user does."""
    given = {"OCTOPUS_IMAGE": base, "BUILD_IMAGE": debian()} | arguments
    words = [word for key, value in given.items() for word in ("--build-arg", f"{key}={value}")]
    return _real(*words, "--tag", tag)


def rootless(base: str, tag: str = ROOTLESS) -> str:
    """Build the real recipe for a rootless engine over `base`."""
    recipe = ROOT / "docker" / "rootless.Dockerfile"
    docker("build", "--tag", tag, "--build-arg", f"IMAGE={base}", "--file", str(recipe), str(recipe.parent / "seccomp"))
    return tag


def _real(*words: str) -> str:
    with _alone():
        subprocess.run([str(ROOT / "scripts" / "build-image"), "--wheels", *words], check=True, stdout=sys.stderr)
    return words[-1]
