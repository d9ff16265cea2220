"""`octo-node init -- CMD` as tests start it: as process 1 of a pid namespace, below another one, on a terminal."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from processes import BELOW_A_SHELL, NAMESPACE, OCTO_NODE, ROOT, arguments, children, wait_until


PROGRAMS = ROOT / "tests" / "process" / "programs"
PRINT_SIGNALS = (sys.executable, str(PROGRAMS / "print_signals.py"))
SUSPENDS = {signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}
FORWARDED = sorted(signal.valid_signals() - SUSPENDS - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD})
AT_ONCE = 4  # programs run side by side where there are many


class Started:
    """A running `octo-node init`: its `pid`, and the `process` that was started for it."""

    def __init__(self, process: subprocess.Popen[bytes], depth: int) -> None:
        self.process = process
        self.pid = process.pid
        for _ in range(depth):
            self.pid = wait_until(lambda: next(iter(children(self.pid)), None))

    def command(self, name: str = "") -> int:
        """Return the pid of the command, once it is executed; its arguments then have the word `name`."""

        def executed() -> int | None:
            for child in children(self.pid):
                words = arguments(child)
                if words and words != arguments(self.pid) and (not name or any(name in word for word in words)):
                    return child
            return None

        return wait_until(executed, what=f"{name or 'the command'} is executed")

    def send(self, number: int) -> None:
        """Send a signal to octo-node."""
        os.kill(self.pid, number)

    def wait(self) -> int:
        """Return its exit code."""
        return self.process.wait(60)


class Mode:
    """How octo-node is started."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_process_1 = name == "process 1"
        self.above = [*NAMESPACE, *([] if self.is_process_1 else BELOW_A_SHELL)]
        self._depth = 1 if self.is_process_1 else 2

    def run(
        self, *words: str, stdin: str = "", env: dict[str, str] | None = None, cwd: Path = ROOT
    ) -> "subprocess.CompletedProcess[str]":
        """Run octo-node with arguments `words` until it ends; `stdin` is what it can read."""
        return subprocess.run(
            [*self.above, *OCTO_NODE, *words],
            cwd=cwd,
            env=env,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def init(self, *command: str) -> int:
        """Run `command` by `octo-node init` until it ends; return the exit code."""
        return self.run("init", "--", *command).returncode

    @contextmanager
    def start(self, *command: str, before: tuple[str, ...] = (), **streams: int) -> Iterator[Started]:
        """Start `command` by `octo-node init`; `before` is a command that starts octo-node. Its end ends them all."""
        process = subprocess.Popen(
            [*before, *self.above, *OCTO_NODE, "init", "--", *command],
            cwd=ROOT,
            stdin=streams.get("stdin", subprocess.DEVNULL),
            stdout=streams.get("stdout", subprocess.PIPE),
            stderr=streams.get("stderr"),
        )
        try:
            yield Started(process, self._depth)
        finally:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()


def line(started: Started) -> str:
    """Return the next line of what the command prints."""
    assert started.process.stdout is not None
    return started.process.stdout.readline().decode().strip()


class Terminal:
    """A pseudo-terminal: what is typed, and what was shown."""

    def __init__(self) -> None:
        self.keyboard, self.inside = os.openpty()
        os.set_blocking(self.keyboard, False)
        self._shown = b""

    def type(self, text: str) -> None:
        """Type `text`."""
        os.write(self.keyboard, text.encode())

    def shows(self, text: str) -> bool:
        """Return whether `text` was shown since this was last true."""
        with suppress(OSError):  # nothing new, or everybody has closed it
            self._shown += os.read(self.keyboard, 65536)
        before, found, after = self._shown.partition(text.encode())
        self._shown = after if found else before
        return bool(found)


@contextmanager
def on_terminal(mode: Mode, terminal: Terminal, *command: str) -> Iterator[Started]:
    """Start `command` by octo-node on `terminal`, as `docker run -it` does."""
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), terminal.inside)
    with mode.start(*command, before=("setsid", "-c"), **streams) as started:
        yield started
