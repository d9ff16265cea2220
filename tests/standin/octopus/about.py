"""Which version this stand-in claims to be."""

import os
import re
import sys
from pathlib import Path


DEFAULT_VERSION = "2026.2.197"


def version() -> str:
    """The version from the environment, from version.txt beside the launcher, or the default."""
    named = os.environ.get("STANDIN_OCTOPUS_VERSION", "").strip()
    if named:
        return named
    beside = Path(sys.argv[0]).with_name("version.txt")
    return beside.read_text().strip() if beside.is_file() else DEFAULT_VERSION


def ordered(text: str) -> tuple[int, ...]:
    """A version as numbers, so that versions can be compared."""
    return tuple(int(part) for part in re.findall(r"\d+", text))


def older_than(limit: str) -> bool:
    """Whether this stand-in's version comes before another one."""
    return ordered(version()) < ordered(limit)
