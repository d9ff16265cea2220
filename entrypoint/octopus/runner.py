"""Run a command of Octopus.Server: its output in our log, a time limit, and no secret in its environment."""

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Self

from entrypoint import handover, limits, prctl
from entrypoint.errors import NodeError
from entrypoint.exitcodes import ExitCode, of_signal
from entrypoint.structured import Logger


TAIL = 20  # lines of output that go into the error
KEPT = 200  # lines that may tell why
END_SECONDS = 30.0  # between TERM and KILL
TICK_SECONDS = 10.0
POLL_SECONDS = 0.1  # where the kernel can't tell that a process has ended


class CommandError(NodeError):
    """A command failed or timed out; `output` is the end of what it printed, of which the last lines are told."""

    def __init__(self, sentence: str, output: str) -> None:
        tail = "\n".join(output.splitlines()[-TAIL:])
        super().__init__(ExitCode.COMMAND, f"{sentence}\n{tail}" if tail else sentence)
        self.output = output


def run(  # noqa: PLR0913 - what to run, where it is told, and three choices
    environ: Mapping[str, str],
    command: Sequence[str],
    name: str,
    log: Logger,
    *,
    seconds: float,
    tick: Callable[[], None] | None = None,
    quiet: bool = False,
) -> str:
    """Run `command`, called `name` in what we tell, for at most `seconds`; return what it printed last.

    With `quiet` its output isn't logged. `tick` is called every TICK_SECONDS meanwhile; if it raises, the command is
    ended first. A TERM to us ends the command, then us (128 + its signal). Raise CommandError if the command fails
    or takes too long.
    """
    begun = time.monotonic()
    with _Stop() as stop:
        process = _start(environ, command, name)
        stop.watch(process)
        output = _Output(process, None if quiet else log.bind(command=name))
        try:
            ended = output.follow(begun + seconds, tick or (lambda: None))
        except BaseException:
            _end(process)
            raise
    if stop.number is not None:
        raise SystemExit(of_signal(stop.number))
    log.info(f"`{name}` ended.", code=process.returncode, seconds=round(time.monotonic() - begun, 1))
    if not ended:
        raise CommandError(f"`{name}` was ended: it took more than {seconds:g} s.", output.tail())
    if process.returncode != 0:
        raise CommandError(f"`{name}` failed with exit code {process.returncode}.", output.tail())
    return output.tail()


def _start(environ: Mapping[str, str], command: Sequence[str], name: str) -> subprocess.Popen[bytes]:
    parent = os.getpid()
    try:
        return subprocess.Popen(
            command,
            env=handover.split(handover.whole(environ))[0],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: prctl.die_with_parent(parent),  # noqa: PLW1509 - this process has one thread
        )
    except OSError as error:
        raise CommandError(f"`{name}` can't be started: {limits.reason(error)}.", "") from error


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask a command to end, and see that it does."""
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class _Stop:
    """While it is entered, a stop is passed on to `process`, and remembered as `number`."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.number: int | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            self._before[number] = signal.signal(number, self._take)
        return self

    def watch(self, process: subprocess.Popen[bytes]) -> None:
        """Pass stops on to `process`, one that came while it was started included."""
        self.process = process
        if self.number is not None:
            process.terminate()

    def _take(self, number: int, _frame: FrameType | None) -> None:
        self.number = number
        if self.process is not None:
            self.process.terminate()

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal() itself returned


class _Output:
    """What a command prints: logged line by line, its end kept."""

    def __init__(self, process: subprocess.Popen[bytes], log: Logger | None) -> None:
        self._process = process
        self._log = log
        self._lines: deque[str] = deque(maxlen=KEPT)
        self._rest = b""

    def tail(self) -> str:
        """Return the last lines."""
        return "\n".join(self._lines)

    def follow(self, deadline: float, tick: Callable[[], None]) -> bool:
        """Log what it prints until it ends; at `deadline` end it and return False.

        Its end is told by the process, not by the pipe: something it left running may keep that open.
        """
        pipe = self._process.stdout
        if pipe is None:
            raise TypeError("the command was started without a pipe")
        os.set_blocking(pipe.fileno(), False)
        next_tick = time.monotonic() + TICK_SECONDS
        with selectors.DefaultSelector() as selector, contextlib.ExitStack() as stack:
            selector.register(pipe, selectors.EVENT_READ)
            try:
                end = stack.enter_context(open(os.pidfd_open(self._process.pid)))
                selector.register(end, selectors.EVENT_READ)
                longest = TICK_SECONDS
            except OSError:  # a kernel before 5.3
                longest = POLL_SECONDS
            while self._process.poll() is None:
                now = time.monotonic()
                if now >= deadline:
                    _end(self._process)
                    self._read(pipe.fileno())
                    return False
                if now >= next_tick:
                    tick()
                    next_tick = now + TICK_SECONDS
                selector.select(min(deadline - now, next_tick - now, longest))
                if pipe in selector.get_map() and not self._read(pipe.fileno()):
                    selector.unregister(pipe)
        self._read(pipe.fileno())
        self._take_lines(self._rest + b"\n" if self._rest else b"")
        pipe.close()
        return True

    def _read(self, descriptor: int) -> bool:
        """Take what is there; return False at the end of the pipe."""
        while True:
            try:
                chunk = os.read(descriptor, 65536)
            except BlockingIOError:
                return True
            if not chunk:
                return False
            self._take_lines(chunk)

    def _take_lines(self, chunk: bytes) -> None:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            text = line.decode("utf-8", "replace").rstrip()
            self._lines.append(text)
            if text and self._log is not None:
                self._log.info(text)
