"""Runs work that may hang in child processes with a deadline: a hung file server must not hang octo-node."""

import os
import select
import signal
import time

from . import procfs


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_END = b"."  # behind a whole answer: a child that was killed, or failed, gives none
_CHUNK = 1 << 16
_MAX = 1 << 22  # bytes of an answer
_MOST_FILES = 1 << 20  # descriptors that a child closes
_KILLED_SECONDS = 0.1  # for the end of a child that was killed
PATIENCE_SECONDS = 60.0  # more for a child that gets no CPU: a busy machine isn't a hung file server
_LOOK_SECONDS = 0.25  # between two looks at such a child


def run(
    work: "Callable[[str], bytes]", subjects: "Iterable[str]", seconds: float, patience: float = PATIENCE_SECONDS
) -> "dict[str, bytes | None]":
    """Do `work` for each of `subjects`, all at once; return what it gave for each, None if nothing within `seconds`.

    A child that waits for a CPU when they are over, not for a file, gets up to `patience` seconds more.
    `work` should turn its errors into bytes as well: one that it raises counts as no answer. Raise OSError if a process
    can't be started.
    """
    found = Collector(patience).collect(lambda subject: [work(subject)], subjects, seconds)
    return {subject: answer if is_whole else None for subject, (answer, is_whole) in found.items()}


class Collector:
    """Does work again and again; whoever still hangs in the kernel, killed though it was, isn't asked once more.

    A child that only waits for a CPU when its time is over gets up to `extra` seconds more.
    """

    def __init__(self, extra: float = 0.0) -> None:
        self._extra = extra
        self._hanging: dict[str, int] = {}

    def collect(
        self, work: "Callable[[str], Iterable[bytes]]", subjects: "Iterable[str]", seconds: float
    ) -> dict[str, tuple[bytes, bool]]:
        """Do `work` for each of `subjects`, all at once, and end it after `seconds`.

        Return for each the pieces that it gave until then, and whether they are all. Raise OSError if a process can't
        be started. Whoever calls this should have one thread.
        """
        deadline = time.monotonic() + seconds
        asked: dict[str, tuple[int, int]] = {}
        answers: dict[str, tuple[bytes, bool]] = {}
        try:
            for subject in subjects:
                if self._hangs(subject):
                    answers[subject] = b"", False
                else:
                    asked[subject] = _start(work, subject)
            for subject, (pid, descriptor) in asked.items():
                answers[subject] = _receive(pid, descriptor, deadline, deadline + self._extra)
        finally:
            for pid, descriptor in asked.values():
                os.close(descriptor)
                os.kill(pid, signal.SIGKILL)
            end = time.monotonic() + _KILLED_SECONDS
            # who hangs in the kernel can't be waited for
            self._hanging |= {name: pid for name, (pid, _) in asked.items() if not _has_ended(pid, end)}
        return answers

    def _hangs(self, subject: str) -> bool:
        """Return whether the process that was asked for `subject` hangs still; it is reaped once it has ended."""
        if subject in self._hanging and _has_ended(self._hanging[subject], 0):
            del self._hanging[subject]
        return subject in self._hanging


def _has_ended(pid: int, deadline: float) -> bool:
    """Reap child `pid` if it ends until `deadline` (monotonic); return whether it did."""
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.001)
    return True


def _start(work: "Callable[[str], Iterable[bytes]]", subject: str) -> tuple[int, int]:
    """Start a child for `subject`; return its pid, and the descriptor to read its answer from."""
    read, write = os.pipe2(os.O_CLOEXEC)
    try:
        pid = os.fork()
    except OSError:
        os.close(read)
        os.close(write)
        raise
    if pid == 0:
        try:
            # one that is left behind must hold nothing that is ours, such as a port
            os.closerange(3, write)
            os.closerange(write + 1, _MOST_FILES)
            for piece in work(subject):
                _write(write, piece)
            _write(write, _END)
        finally:
            os._exit(0)
    os.close(write)
    return pid, read


def _write(descriptor: int, piece: bytes) -> None:
    while piece:
        piece = piece[os.write(descriptor, piece) :]


def _receive(pid: int, descriptor: int, deadline: float, last: float) -> tuple[bytes, bool]:
    """Return what comes until `deadline`, until `last` while child `pid` waits for a CPU, and whether it is whole."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    received = b""
    while len(received) <= _MAX:
        if poll.poll(max(deadline - time.monotonic(), 0) * 1000):
            chunk = os.read(descriptor, _CHUNK)
            if not chunk:
                return received.removesuffix(_END), received.endswith(_END)
            received += chunk
        elif time.monotonic() < last and (procfs.stat_fields(pid) or "?")[0] == "R":
            deadline = min(time.monotonic() + _LOOK_SECONDS, last)
        else:
            break
    return received, False
