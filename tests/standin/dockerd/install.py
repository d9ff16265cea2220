"""Puts the stand-in where it is found as `dockerd`."""

import sys
from pathlib import Path


def install(folder: Path) -> None:
    """Make the program `dockerd` in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "dockerd"
    program.write_text(f"#!{sys.executable}\n{Path(__file__).with_name('program.py').read_text()}")
    program.chmod(0o755)
