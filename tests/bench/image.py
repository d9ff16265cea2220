"""octo-node as it lies in the image: docker/launcher.py, and the package beside it, byte-compiled."""

import shutil
import subprocess
from pathlib import Path

from .machine import ROOT


LAUNCHER = ROOT / "docker" / "launcher.py"
IN_IMAGE = "/opt/octo-node"


def command(python: str, home: Path) -> tuple[str, ...]:
    """Lay octo-node out in the folder `home` for the interpreter `python`; return what starts it there."""
    packages = home / "packages"
    shutil.copytree(ROOT / "entrypoint", packages / "entrypoint", ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run([python, "-I", "-m", "compileall", "-q", str(packages)], check=True)
    launcher = home / "octo-node"
    launcher.write_text(LAUNCHER.read_text().replace(f'"{IN_IMAGE}"', repr(str(home))))
    return (python, "-IS", str(launcher))
