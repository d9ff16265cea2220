"""Runs commands of Octopus.Server: output to our log, a time limit, and no secret in their environment."""

import contextlib
import fcntl
import os
import selectors
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import FrameType
from typing import IO, Self

from entrypoint.base import exitcodes, prctl, resource_limits
from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode, of_signal
from entrypoint.structured_log import Logger

from .command_output import CommandOutput, summary


CHUNK = 1 << 12  # bytes read between two looks at the clock
END_SECONDS = 30.0  # between TERM and KILL
TICK_SECONDS = 10.0
_BY_KERNEL = " The kernel does that where memory runs out: raise the limit of the container then."
POLL_SECONDS = 0.1  # where the kernel can't tell that a process has ended


class CommandError(NodeError):
    """A command failed or timed out; `output` is the end of what it printed, of which the message has a summary."""

    def __init__(self, sentence: str, output: str) -> None:
        told = summary(output)
        super().__init__(ExitCode.COMMAND, f"{sentence}\n{told}" if told else sentence)
        self.output = output


class Runner:
    """Runs commands with `environ`, in which there is no secret, and tells in `log` what they print."""

    def __init__(self, environ: Mapping[str, str], log: Logger) -> None:
        self._environ = environ
        self._log = log

    def run(
        self,
        command: Sequence[str],
        name: str,
        *,
        seconds: float,
        tick: Callable[[], None] | None = None,
        quiet: bool = False,
        end_seconds: float = END_SECONDS,
    ) -> str:
        """Run `command`, called `name` in messages, for at most `seconds`; return the end of its output.

        With `quiet` its output isn't logged. `tick` is called every TICK_SECONDS meanwhile; if it raises, the command
        is ended first, with `end_seconds` between TERM and KILL, as if it takes too long. A TERM to us ends the
        command, then us (128 + its signal). Raise CommandError if the command fails or takes too long.
        """
        begun = time.monotonic()
        with _Stop() as stop:
            process = self._start(command, name)
            stop.watch(process)
            output = _Output(process, None if quiet else self._log.bind(command=name), end_seconds)
            try:
                ended = output.follow(begun + seconds, tick or (lambda: None))
            except BaseException:
                _end(process, end_seconds)
                raise
        if stop.number is not None:
            raise SystemExit(of_signal(stop.number))
        code = process.returncode
        self._log.info(f"`{name}` ended.", code=_shown(code), seconds=round(time.monotonic() - begun, 1))
        if not ended:
            raise CommandError(f"`{name}` was ended: it took more than {seconds:g} s.", str(output))
        if code:
            raise CommandError(f"`{name}` {_failed(code)}", str(output))
        return str(output)

    def attach(self, command: Sequence[str], *, piped: bool) -> subprocess.Popen[bytes]:
        """Start `command` with our own standard input, and our own output unless that is `piped`. Raise OSError."""
        if not piped:
            return subprocess.Popen(command, env=self._environ)
        return subprocess.Popen(command, env=self._environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def _start(self, command: Sequence[str], name: str) -> subprocess.Popen[bytes]:
        parent = os.getpid()
        try:
            return subprocess.Popen(
                command,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                preexec_fn=lambda: prctl.die_with_parent(parent),  # noqa: PLW1509 - this process has one thread
            )
        except OSError as error:
            raise CommandError(f"`{name}` can't be started: {resource_limits.reason(error)}.", "") from error


def _failed(code: int) -> str:
    if code > 0:
        return f"failed {exitcodes.words(code)}."
    return f"was ended {exitcodes.words(code)}.{_BY_KERNEL if -code == signal.SIGKILL else ''}"


def _shown(code: int) -> int:
    return of_signal(-code) if code < 0 else code


def _end(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Ask a command to end, and kill it after `seconds`."""
    process.terminate()
    try:
        process.wait(seconds)
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
    """What a command prints: logged line by line, its end kept (`str`)."""

    def __init__(self, process: subprocess.Popen[bytes], log: Logger | None, end_seconds: float) -> None:
        self._process = process
        self._end_seconds = end_seconds
        self._log = log
        self._printed = CommandOutput()

    def __str__(self) -> str:
        return str(self._printed)

    def follow(self, deadline: float, tick: Callable[[], None]) -> bool:
        """Log what it prints until it ends; at `deadline` end it and return False.

        Its end is told by the process, not by the pipe: something it left running may keep that open, and may
        write to it without end.
        """
        pipe = self._process.stdout
        if pipe is None:
            raise TypeError("the command was started without a pipe")
        os.set_blocking(pipe.fileno(), False)
        ended = self._until_ended(pipe, deadline, tick)
        if not ended:
            _end(self._process, self._end_seconds)
        self._take_what_is_left(pipe.fileno())
        pipe.close()
        return ended

    def _until_ended(self, pipe: IO[bytes], deadline: float, tick: Callable[[], None]) -> bool:
        """Log what it prints, the clock looked at after each piece; return False at `deadline`."""
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
                    return False
                if now >= next_tick:
                    tick()
                    next_tick = now + TICK_SECONDS
                selector.select(min(deadline - now, next_tick - now, longest))
                if pipe in selector.get_map() and not self._read(pipe.fileno(), CHUNK):
                    selector.unregister(pipe)
        return True

    def _take_what_is_left(self, descriptor: int) -> None:
        """Take what was in the pipe when the command had ended, and no more."""
        (left,) = struct.unpack("i", fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)))
        for begin in range(0, left, CHUNK):
            self._read(descriptor, min(left - begin, CHUNK))
        self._tell(self._printed.finish())

    def _read(self, descriptor: int, size: int) -> bool:
        """Take at most `size` bytes of what is there; return False at the end of the pipe."""
        try:
            chunk = os.read(descriptor, size)
        except BlockingIOError:
            return True
        self._tell(self._printed.take(chunk))
        return bool(chunk)

    def _tell(self, lines: Iterable[str]) -> None:
        for line in lines:
            if line and self._log is not None:
                self._log.info(line)
