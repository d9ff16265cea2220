"""Drain and undrain on one node exclude each other, and what was asked last is known to settle."""

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from entrypoint import statefile
from entrypoint.errors import NodeError
from entrypoint.exitcodes import ExitCode


POLL_SECONDS = 0.2


@contextmanager
def exclusive(environ: Mapping[str, str], seconds: float, say: Callable[[str], object]) -> Iterator[None]:
    """Hold the node's drain lock. Raise NodeError (21) if another process still has it after `seconds`."""
    folder = statefile.find_folder(environ)
    if folder is None:
        yield
        return
    lock = os.open(f"{folder}/drain.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        _acquire(lock, time.monotonic() + seconds, say)
        yield
    finally:
        os.close(lock)


def _acquire(lock: int, deadline: float, say: Callable[[str], object]) -> None:
    told = False
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno != errno.EWOULDBLOCK:
                raise
        else:
            return
        if time.monotonic() >= deadline:
            raise NodeError(
                ExitCode.NODE_UNREACHABLE,
                "Another drain or undrain is still under way on this node: wait for it, or end it.",
            )
        if not told:
            say("Another drain or undrain is under way on this node: waiting for it.")
            told = True
        time.sleep(POLL_SECONDS)


def is_drained_on_purpose(environ: Mapping[str, str]) -> bool:
    """Return whether a drain was asked for since this node was started, and no undrain after it."""
    return statefile.read(statefile.find_folder(environ), statefile.DRAIN) is not None


def want_drained(environ: Mapping[str, str]) -> None:
    """Note that the node is to be drained, before the server is told."""
    folder = statefile.find_folder(environ)
    if folder is not None:
        statefile.write(folder, statefile.DRAIN, {"wanted": "drained"})


def want_undrained(environ: Mapping[str, str]) -> None:
    """Forget that the node was to be drained."""
    folder = statefile.find_folder(environ)
    if folder is not None:
        statefile.remove(folder, statefile.DRAIN)
