"""Runs work that may hang in child processes with a deadline: a hung file server must not hang octo-node."""

import os
import select
import signal
import time


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_ANSWER = b"+"  # in front of an answer: a child that was killed gives none
_CHUNK = 1 << 16


def run(work: "Callable[[str], bytes]", subjects: "Iterable[str]", seconds: float) -> "dict[str, bytes | None]":
    """Do `work` for each of `subjects`, all at once; return what it gave for each, None if nothing within `seconds`.

    `work` should turn its errors into bytes as well: one that it raises counts as no answer. Raise OSError if a process
    can't be started.
    """
    deadline = time.monotonic() + seconds
    asked: dict[str, tuple[int, int]] = {}
    answers: dict[str, bytes | None] = {}
    try:
        for subject in subjects:
            asked[subject] = _start(work, subject)
        for subject, (_, descriptor) in asked.items():
            answers[subject] = _receive(descriptor, deadline)
    finally:
        for subject, (pid, descriptor) in asked.items():
            os.close(descriptor)
            os.kill(pid, signal.SIGKILL)
            # who hangs in the kernel can't be waited for
            os.waitpid(pid, os.WNOHANG if answers.get(subject) is None else 0)
    return answers


def _start(work: "Callable[[str], bytes]", subject: str) -> tuple[int, int]:
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
            answer = _ANSWER + work(subject)
            while answer:
                answer = answer[os.write(write, answer) :]
        finally:
            os._exit(0)
    os.close(write)
    return pid, read


def _receive(descriptor: int, deadline: float) -> bytes | None:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    received = b""
    while poll.poll(max(deadline - time.monotonic(), 0) * 1000):
        chunk = os.read(descriptor, _CHUNK)
        if not chunk:
            return received.removeprefix(_ANSWER) if received else None
        received += chunk
    return None
