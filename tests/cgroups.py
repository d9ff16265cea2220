"""Control groups for tests: limits that the kernel holds, version 1 or 2. Only root can make them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from processes import wait_until


MOUNT = Path("/sys/fs/cgroup")


@contextmanager
def group(controller: str) -> Iterator[Path]:
    """Give a new group with `controller`, which nobody is in. Skip the test where none can be made."""
    below = MOUNT / controller if (MOUNT / controller).is_dir() else MOUNT
    folder = below / f"octo-test-{os.getpid()}-{os.urandom(4).hex()}"
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error.strerror}")
    try:
        if not list(folder.glob(f"{controller}.*")):
            pytest.skip(f"control groups have no {controller} here")
        yield folder
    finally:
        wait_until(lambda: not (folder / "cgroup.procs").read_text(), what="nobody is left in the group")
        folder.rmdir()


def inside(folder: Path) -> tuple[str, ...]:
    """Return the command that runs what follows it in the group `folder`."""
    return ("sh", "-c", f'echo $$ >{folder}/cgroup.procs && exec "$@"', "sh")
