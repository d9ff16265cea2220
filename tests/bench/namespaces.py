"""A command as process 1 of a pid namespace of its own, as a container runtime starts one."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Self, TypeVar

import psutil

from .machine import ROOT


T = TypeVar("T")
TAIL = 2000  # characters of a log, in an error
OCTO_NODE = (sys.executable, "-m", "entrypoint")


def wait_for(what: Callable[[], T | None], why: str, seconds: float = 30.0, pause: float = 0.002) -> T:
    """Return what `what` returns once it is neither None nor False. Raise TimeoutError after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        found = what()
        if found is not None and found is not False:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"{why}: not within {seconds:g} s")
        time.sleep(pause)


class Namespace:
    """`command` as process 1; when the context ends, so does everything in the namespace.

    Attributes: `pid`, process 1's, as it is seen from outside; `stdout`, a pipe.
    """

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str] | None = None,
        *,
        errors: Path | None = None,
        inherit: Sequence[int] = (),
    ) -> None:
        self._command = " ".join(command)
        self._errors = errors
        isolate = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
        with open(errors or os.devnull, "ab") as stderr:
            self.process = subprocess.Popen(
                [*isolate, *command],
                cwd=ROOT,
                env=dict(os.environ if environ is None else environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                pass_fds=inherit,
            )
        if self.process.stdout is None:
            raise RuntimeError("a pipe was asked for")
        self.stdout: IO[bytes] = self.process.stdout
        try:
            self.pid = wait_for(self._child, "process 1 of a namespace", pause=0.0005)
        except BaseException:
            self.process.kill()
            raise

    def _child(self) -> int | None:
        self.check()
        return next((child.pid for child in psutil.Process(self.process.pid).children()), None)

    def check(self) -> None:
        """Raise RuntimeError, with the end of what it wrote on stderr, if it has ended."""
        if self.process.poll() is not None:
            said = "" if self._errors is None else self._errors.read_text("utf-8", "replace")[-TAIL:]
            raise RuntimeError(f"`{self._command}` ended with {self.process.returncode}. {said}")

    def word(self, first: str) -> str:
        """Return the rest of the next line on stdout that begins with the word `first`."""
        for line in self.stdout:
            word, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
            if word == first:
                return rest
        self.process.wait(10)
        self.check()
        raise RuntimeError(f"{self._command}: nothing of {first!r}")

    def signal(self, number: int = signal.SIGTERM) -> int:
        """Send process 1 a signal from outside; return when, in ns on the monotonic clock."""
        now = time.monotonic_ns()
        os.kill(self.pid, number)
        return now

    def __enter__(self) -> Self:
        """Be a context that ends the namespace."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the namespace; while unshare hasn't been waited for, its child's pid is nobody else's."""
        if self.process.poll() is None:
            for child in psutil.Process(self.process.pid).children():
                child.kill()
        self.process.wait(10)
        self.stdout.close()
