"""A terminal for tests: what a program shows on a screen of so many columns, and on which line."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence

import pyte
from processes import ROOT, slowness


ROWS = 60
SECONDS = 60.0


class Terminal:
    """A program on a terminal; `screen` is what it shows, `text` the same as lines without blanks at their ends.

    `raw` is all that it wrote.
    """

    def __init__(self, command: Sequence[str], environ: Mapping[str, str], columns: int = 80) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
        self.screen = pyte.Screen(columns, ROWS)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        given = {"TERM": "xterm-256color", "LANG": "C.UTF-8", **environ}
        self.process = subprocess.Popen(
            command, env=given, cwd=ROOT, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )
        os.close(slave)

    @property
    def text(self) -> str:
        """The screen as lines."""
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip("\n")

    def wait(self, condition: Callable[[str], bool]) -> str:
        """Return the screen once `condition` holds for it. Raise AssertionError if it doesn't in time."""
        deadline = time.monotonic() + SECONDS * slowness()
        while not condition(self.text):
            assert self._read(deadline), f"it ended:\n{self.text}"
            assert time.monotonic() < deadline, f"not in time:\n{self.text}"
        return self.text

    def end(self) -> str:
        """Return the screen when the program has ended."""
        deadline = time.monotonic() + SECONDS * slowness()
        while self._read(deadline):
            assert time.monotonic() < deadline, f"it doesn't end:\n{self.text}"
        self.process.wait(SECONDS)
        return self.text

    def close(self) -> None:
        """End the program."""
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    def _read(self, deadline: float) -> bool:
        """Take what it writes; return False once nobody can write any more."""
        ready, _, _ = select.select([self._master], [], [], max(deadline - time.monotonic(), 0))
        if not ready:
            return True
        try:
            chunk = os.read(self._master, 1 << 16)
        except OSError:  # that is how Linux tells that the other side is closed
            return False
        self.raw += chunk
        self._stream.feed(chunk)
        return bool(chunk)
