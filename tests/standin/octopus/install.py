"""Puts the stand-in where an Octopus.Server would be."""

import shlex
import sys
from pathlib import Path


_TESTS = Path(__file__).resolve().parents[2]
_LAUNCHER = """{shebang}
import sys

sys.path.insert(0, {tests!r})
from standin.octopus import program, verbs

sys.exit(program.main(sys.argv[1:], verbs.{verbs}))
"""
# a first line can't name a path with a space in it: a shell finds its way to Python, which takes this for a string
_SHEBANG = """#!/bin/sh
'''exec' {python} "$0" "$@"
' '''"""
_DOTNET = """#!/bin/sh
exec {python} "$@"
"""


def install(
    folder: Path | str, version: str = "2026.2.197", python: str = sys.executable, *, dll: bool = False
) -> Path:
    """Write launchers for Octopus.Server and Octopus.Migrator, and version.txt; return the server's.

    With `dll` it is an Octopus.Server.dll and no executable, and a `dotnet` that runs it, as in old images.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    (target / "version.txt").write_text(version + "\n")
    suffix = ".dll" if dll else ""
    if dll:
        _write(target / "dotnet", _DOTNET.format(python=shlex.quote(python)))
    _write(target / f"Octopus.Migrator{suffix}", _launcher(python, "MIGRATOR"))
    return _write(target / f"Octopus.Server{suffix}", _launcher(python, "SERVER"))


def _launcher(python: str, verbs: str) -> str:
    shebang = _SHEBANG.format(python=shlex.quote(python)) if " " in python else f"#!{python}"
    return _LAUNCHER.format(shebang=shebang, tests=str(_TESTS), verbs=verbs)


def _write(path: Path, text: str) -> Path:
    """Write an executable file; one that is being executed is replaced, not overwritten."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text)
    temporary.chmod(0o755)
    return temporary.replace(path)
