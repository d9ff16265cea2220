"""The lock that keeps drain and undrain on one node apart, and the record of which was requested last.

Both are in the node's run `folder`, and both are helps: a drain goes on without them where there is none (None).
"""

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from entrypoint.base import state_reader, statefile
from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode
from entrypoint.structured_log import Logger


POLL_SECONDS = 0.2
DRAIN_SECONDS = 30.0  # that a drain waits for an undrain to end


@contextmanager
def draining(folder: str | None, seconds: float, log: Logger) -> Iterator[None]:
    """Keep undrains out, but not other drains, whose waits are their own. After `seconds` go on without."""
    with _lock(folder, log) as lock:
        if lock is not None and not _acquire(lock, fcntl.LOCK_SH, min(seconds, DRAIN_SECONDS), log):
            log.warning("An undrain is still in progress on this node; the drain no longer waits for it.")
        yield


@contextmanager
def undraining(folder: str | None, seconds: float, log: Logger) -> Iterator[None]:
    """Keep drains and other undrains out. Raise NodeError (21) if one is still under way after `seconds`."""
    with _lock(folder, log) as lock:
        if lock is not None and not _acquire(lock, fcntl.LOCK_EX, seconds, log):
            raise NodeError(
                ExitCode.NODE_UNREACHABLE,
                "Another drain or undrain is still in progress on this node: wait for it, or end it.",
            )
        yield


@contextmanager
def _lock(folder: str | None, log: Logger) -> Iterator[int | None]:
    """Give the file of the node's drain lock; None, with a warning, where there can't be one."""
    lock = None
    if folder is None:
        _warn(log, "there is no state of octo-node's process 1")
    else:
        try:
            lock = statefile.open_lock(folder, statefile.DRAIN)
        except OSError as error:
            _warn(log, f"{folder}: {error.strerror}")
    try:
        yield lock
    finally:
        if lock is not None:
            os.close(lock)


def _warn(log: Logger, reason: str) -> None:
    log.warning("Another drain or undrain on this node wouldn't be noticed.", reason=reason)


def _acquire(lock: int, kind: int, seconds: float, log: Logger) -> bool:
    """Return whether the lock was had within `seconds`."""
    deadline = time.monotonic() + seconds
    told = False
    while True:
        try:
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno != errno.EWOULDBLOCK:
                _warn(log, str(error.strerror))
                return True
        else:
            return True
        if time.monotonic() >= deadline:
            return False
        if not told:
            log.info("Another drain or undrain is in progress on this node: waiting for it.")
            told = True
        time.sleep(POLL_SECONDS)


def is_drained_on_purpose(folder: str | None) -> bool:
    """Return whether a drain was asked for since this node was started, and no undrain after it."""
    return state_reader.read(folder, statefile.DRAIN) is not None


def want_drained(folder: str | None, log: Logger) -> None:
    """Record that the node is to be drained, before the server is told to."""
    if folder is None:
        return
    try:
        statefile.write(folder, statefile.DRAIN, {"wanted": "drained"})
    except OSError as error:
        log.warning("The request to drain the node can't be recorded.", folder=folder, reason=error.strerror)


def want_undrained(folder: str | None, log: Logger) -> None:
    """Forget that the node was to be drained."""
    if folder is None:
        return
    try:
        statefile.remove(folder, statefile.DRAIN)
    except OSError as error:
        log.warning("The record of the request to drain can't be removed.", folder=folder, reason=error.strerror)
