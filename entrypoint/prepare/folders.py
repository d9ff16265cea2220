"""Can the folders be written? Asked with a real write, each in a process of its own: a hung NFS must not hang us."""

import os
import select
import time
from collections.abc import Sequence


SECONDS = 10.0


def problems(folders: Sequence[str], seconds: float = SECONDS) -> dict[str, str]:
    """Return what is wrong with each of `folders` that can't be written, as words that fit after its name."""
    asked = {folder: _ask(folder) for folder in folders}
    deadline = time.monotonic() + seconds
    found = {}
    for folder, (pid, answer) in asked.items():
        readable, _, _ = select.select([answer], [], [], max(deadline - time.monotonic(), 0))
        text = answer.read() if readable else f"gave no answer within {seconds:g} s (a file server that hangs?)"
        answer.close()
        if readable:
            os.waitpid(pid, 0)  # who hangs in the kernel can't be waited for
        if text:
            found[folder] = text
    return found


def _ask(folder: str) -> "tuple[int, _Answer]":
    """Have a child write to `folder`; return its pid and where its answer, empty if all went well, can be read."""
    read, write = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        try:
            os.write(write, _write(folder).encode())
        finally:
            os._exit(0)
    os.close(write)
    return pid, _Answer(read)


class _Answer:
    """The reading end of a child's pipe."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def read(self) -> str:
        return os.read(self._descriptor, 4096).decode()

    def close(self) -> None:
        os.close(self._descriptor)


def _write(folder: str) -> str:
    # pids repeat: in the next container of this volume, and in others that share it
    path = f"{folder}/.octo-node-{os.urandom(8).hex()}"
    try:
        os.makedirs(folder, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        os.unlink(path)
    except OSError as error:
        return f"can't be written by user {os.getuid()}:{os.getgid()}: {error.strerror}"
    return ""
