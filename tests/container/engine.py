"""The docker command, as tests use it."""

import functools
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from processes import slowness


MISSING = "no Docker engine answers here (`docker info`)"


@functools.cache
def is_there() -> bool:
    """Return whether an engine answers."""
    try:
        return docker("info", check=False, seconds=60).returncode == 0
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False


def is_required() -> bool:
    """Return whether a missing engine is a failure: always in CI."""
    return os.environ.get("CI") == "true" or os.environ.get("OCTO_TEST_DOCKER") == "required"


def docker(*arguments: str, check: bool = True, seconds: float = 300, **more: Any) -> subprocess.CompletedProcess[str]:  # noqa: ANN401 - subprocess's
    """Run a docker command and return what came of it, both outputs in `stdout`; AssertionError if it fails."""
    command = ["docker", *arguments]
    done = subprocess.run(
        command,
        **{"stdin": subprocess.DEVNULL} | more,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=seconds * slowness(),
        check=False,
    )
    assert not check or done.returncode == 0, f"docker {' '.join(arguments)}: {done.returncode}\n{done.stdout}"
    return done


def ask(*arguments: str) -> str:
    """Run a docker command and return its one answer."""
    return docker(*arguments).stdout.strip()


@contextmanager
def network(name: str) -> Iterator[str]:
    """Give a private network."""
    docker("network", "create", name)
    try:
        yield name
    finally:
        docker("network", "rm", name)
