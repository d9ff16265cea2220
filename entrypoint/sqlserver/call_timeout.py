"""A time limit for calls that holds whatever a driver does.

The drivers' own limits don't: Microsoft's ignores its login timeout in the TLS handshake and waits for the answer to an
attention for ever, and `pyodbc.connect` asks a server for its types before any timeout can be set. So each call is made
in a thread of its own; when its time is over, its sockets are shut down, which ends it.
"""

import errno
import os
import socket
import stat
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar


T = TypeVar("T")
END_SECONDS = 1.0  # for a call to end once its sockets are shut down


def call(work: Callable[[], T], seconds: float, sockets: Callable[[], set[int]]) -> T:
    """Return what `work` returns; raise what it raises, and TimeoutError if it takes more than `seconds`.

    `sockets` returns the inodes of the sockets that `work` waits for, which are shut down then. A call that even so
    doesn't end within a second (the resolver's, which has sockets of its own) is left behind. Otherwise the thread is
    gone when this returns: a process that forks has one thread. Raise another OSError if no thread can be started.
    """
    outcome: Future[T] = Future()
    thread = threading.Thread(target=_run, args=(work, outcome), daemon=True)
    try:
        thread.start()
    except RuntimeError as error:  # a limit of processes
        raise OSError(errno.EAGAIN, str(error)) from None
    try:
        return outcome.result(seconds)
    finally:
        if not outcome.done():
            shut_down(sockets())
        thread.join(END_SECONDS)


def _run(work: Callable[[], T], outcome: "Future[T]") -> None:
    try:
        outcome.set_result(work())
    except BaseException as error:  # noqa: BLE001 - it is raised where the outcome is waited for
        outcome.set_exception(error)


def open_sockets() -> dict[int, int]:
    """Return the sockets of this process: the descriptor of each inode."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            status = os.fstat(int(name))
        except OSError:  # the listing's own
            continue
        if stat.S_ISSOCK(status.st_mode):
            found[status.st_ino] = int(name)
    return found


def shut_down(inodes: set[int]) -> None:
    """Shut down those of our sockets that are `inodes`, which wakes the calls that wait for them."""
    for inode, number in open_sockets().items():
        if inode not in inodes:
            continue
        try:
            with socket.socket(fileno=os.dup(number)) as sock:
                if (
                    os.fstat(sock.fileno()).st_ino == inode
                ):  # it may have been closed meanwhile, and the number used again
                    sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it isn't connected any more
