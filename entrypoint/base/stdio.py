"""Standard streams that the caller closed, or that nobody reads: no reason to fail."""

import os
import sys


def fill() -> None:
    """Open /dev/null where our caller closed 0, 1 or 2: the next file opened there would be taken for a stream."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)  # noqa: FBT003 - the signature is Python's
    os.close(number)


def flush() -> None:
    """Write what is left to be written; where that can't be, forget it: it must not become the exit code."""
    for name in ("stdout", "stderr"):
        try:
            getattr(sys, name).flush()
        except (AttributeError, OSError, ValueError):
            setattr(sys, name, None)
