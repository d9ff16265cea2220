"""Which version this stand-in claims to be, and so of which age it is."""

import os
import re
import sys
from pathlib import Path


DEFAULT_VERSION = "2026.2.197"
# a version of each age that the stand-in tells apart; the oldest is the oldest that octo-node supports
AGES = {
    "2020.3": "2020.3.1",
    "2022.4": "2022.4.8319",
    "2023.3": "2023.3.13026",
    "2025.3": "2025.3.14357",
    "2026.2": DEFAULT_VERSION,
}


def version() -> str:
    """The version that the environment names, or its age; version.txt beside the launcher; or the default."""
    named = os.environ.get("STANDIN_OCTOPUS_VERSION", "").strip()
    age = os.environ.get("STANDIN_OCTOPUS_AGE", "").strip()
    if named or age:
        return named or AGES[age]
    beside = Path(sys.argv[0]).with_name("version.txt")
    return beside.read_text().strip() if beside.is_file() else DEFAULT_VERSION


def ordered(text: str) -> tuple[int, ...]:
    """A version as numbers, so that versions can be compared."""
    return tuple(int(part) for part in re.findall(r"\d+", text))


def release(text: str) -> str:
    """The release of a version: 2026.2 of 2026.2.197."""
    return ".".join(text.split(".")[:2])


def older_than(limit: str) -> bool:
    """Whether this stand-in's version comes before another one."""
    return ordered(version()) < ordered(limit)
