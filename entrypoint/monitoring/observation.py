"""What the observer last told: a process of its own, because it logs in to SQL Server, whose driver may hang or crash.

It inherits the secrets, which the process that listens never reads, and prints an observation as one line of JSON every
few seconds (`node/observer.py`).
"""

import json
import os
import selectors
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from entrypoint.base import command_lines, exitcodes
from entrypoint.structured_log import Logger


VERB = "observe"
LINE_BYTES = 1 << 18  # a longer observation isn't one
SILENCE_SECONDS = 60.0  # after which it is killed and started again
STALE_SECONDS = 60.0
PAUSE_SECONDS = (2.0, 60.0)  # before it is started again: the first time, and at most
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Observation:
    """The last document, how old it is in seconds (None: there is none), and whether it is too old to be believed."""

    document: Mapping[str, Any]
    age: float | None
    is_stale: bool


class Observer:
    """Starts the observer, which inherits `descriptors`, and keeps what it told last. Attribute: `restarts`."""

    def __init__(self, descriptors: tuple[int, ...], log: Logger) -> None:
        self._descriptors = descriptors
        self._log = log
        self._document: Mapping[str, Any] = {}
        self._when: float | None = None
        self.restarts = 0

    def start(self) -> None:
        """Begin, in a thread of its own, and go on until the process ends."""
        threading.Thread(target=self._watch_for_ever, daemon=True, name="observer").start()

    def last(self) -> Observation:
        """Return the last observation."""
        age = None if self._when is None else time.monotonic() - self._when
        return Observation(document=self._document, age=age, is_stale=age is None or age > STALE_SECONDS)

    def _watch_for_ever(self) -> None:
        pause = PAUSE_SECONDS[0]
        while True:
            begun = time.monotonic()
            reason = self.watch()
            self.restarts += 1
            if time.monotonic() - begun > PAUSE_SECONDS[1]:
                pause = PAUSE_SECONDS[0]
            self._log.warning(f"{VERB} {reason}, and is started again; the node isn't concerned.", seconds=pause)
            time.sleep(pause)
            pause = min(pause * 2, PAUSE_SECONDS[1])

    def watch(self) -> str:
        """Run the observer once; return in words why it is over."""
        try:
            process = subprocess.Popen(
                command_lines.own(VERB),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                pass_fds=self._descriptors,
            )
        except OSError as error:
            return f"can't be started: {error.strerror}"
        with process:
            try:
                reason = self._receive(process.stdout.fileno() if process.stdout else -1)
            finally:
                process.kill()
        return reason or f"ended {exitcodes.words(process.returncode)}"

    def _receive(self, descriptor: int) -> str:
        """Take the lines that `descriptor` gives; return what speaks against going on, nothing at its end."""
        received = b""
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while selector.select(SILENCE_SECONDS):
                chunk = os.read(descriptor, _CHUNK)
                if not chunk:
                    return ""
                *lines, received = (received + chunk).split(b"\n")
                if len(received) > LINE_BYTES:
                    return "printed a line without an end"
                for line in lines:
                    self._take(line)
        return f"said nothing for {SILENCE_SECONDS:g} s"

    def _take(self, line: bytes) -> None:
        try:
            document = json.loads(line)
        except (ValueError, RecursionError):
            return
        if isinstance(document, dict):
            self._document, self._when = document, time.monotonic()
