"""The machine, the peers and the interpreters that are there."""

import functools
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path


ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {"bash": "bash", "curl": "curl", "tini": "tini", "dumb-init": "dumb-init", "supervisord": "supervisor"}
BARE = (sys.executable, "-I", "-S")
_WHO = "import sys; print(sys.executable, '%d.%d.%d' % sys.version_info[:3], sys.version_info >= (3, 11))"


def peer(name: str) -> str | None:
    """Return the path of a peer, None if it isn't installed."""
    return shutil.which(name)


def missing() -> list[str]:
    """Return the peers that aren't installed."""
    return [name for name in PACKAGES if peer(name) is None]


def line() -> str:
    """Return what the figures were measured on."""
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, Linux {platform.release()}, "
        f"Python {platform.python_version()} (bench, octo-node); load average at the end {load}"
    )


@functools.cache
def interpreters() -> dict[str, str]:
    """Return the Pythons from 3.11 on, on PATH and in /usr/bin: what to call each, and its path."""
    found: dict[str, str] = {}
    folders = [*os.environ["PATH"].split(os.pathsep), "/usr/bin"]
    candidates = [sys.executable, *(str(path) for folder in folders for path in sorted(Path(folder).glob("python3*")))]
    for candidate in candidates:
        told = _who(candidate)
        if told and os.path.realpath(told[0]) not in {os.path.realpath(path) for path in found.values()}:
            place = "/usr/bin" if told[0].startswith("/usr/bin/") else "PATH"
            found[f"{told[1]} ({place})"] = told[0]
    return found


def _who(candidate: str) -> tuple[str, str] | None:
    name = os.path.basename(candidate).removeprefix("python3")
    if name.strip(".0123456789") or not os.access(candidate, os.X_OK):
        return None  # python3-config and its like
    asked = subprocess.run([candidate, "-I", "-S", "-c", _WHO], capture_output=True, text=True, check=False)
    executable, version, usable = [*asked.stdout.split(), "", "", ""][:3]
    return (executable, version) if usable == "True" else None
