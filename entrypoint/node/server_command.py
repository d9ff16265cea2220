"""Octopus.Server's own command line: the right executable, the instance, and no secret in what it prints.

What it prints goes out as it comes, prompts included, on stdout; only what might be the beginning of a secret waits for
what follows.
"""

import codecs
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from entrypoint.base import redact, resource_limits
from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode, of_signal
from entrypoint.octopus import commandline
from entrypoint.octopus.command_runner import Runner
from entrypoint.settings.paths import Paths


_CHUNK = 1 << 16
_LONGEST = 1 << 20  # characters of a line that are kept back
_LOOK_SECONDS = 0.1  # between two looks whether the command has ended
_REST_SECONDS = 1.0  # for what is left to read then: a process that it left running may keep the pipe for ever
_STDOUT = 1
_STARTS = {"run", "service"}
_NAMES = ("password", "pwd")  # as `redact` masks what follows
_NAMED = re.compile(rf"(?:{'|'.join(_NAMES)}) *(?:=[^\n]*)?\Z", re.IGNORECASE)


def run(paths: Paths, runner: Runner, arguments: Sequence[str], secrets: Sequence[str], *, masked: bool) -> int:
    """Have `runner` run Octopus.Server with `arguments`, and return its exit code; `secrets` are masked if `masked`.

    Raise NodeError (2) without a verb or with one that starts a server, (126, 127) if it can't be executed.
    """
    if not arguments or arguments[0].startswith("-"):
        raise NodeError(ExitCode.USAGE, "Which verb of Octopus.Server? Usage: octo-node server VERB [OPTION...]")
    if arguments[0] in _STARTS:
        raise NodeError(ExitCode.USAGE, f"`{arguments[0]}` isn't for here: `octo-node run` starts the server.")
    command = commandline.server(paths, *arguments) if _needs_instance(arguments) else _plain(paths, arguments)
    stops: list[int] = []  # that come before there is a process to hand them on to
    signal.signal(signal.SIGTERM, lambda number, _frame: stops.append(number))
    try:
        process = runner.attach(command, piped=masked)
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        raise NodeError(
            ExitCode.NOT_FOUND if missing else ExitCode.NOT_EXECUTABLE,
            f"{command[0]} can't be executed: {resource_limits.reason(error)}.",
        ) from error
    with process:
        # a stop is handed on; Ctrl-C reaches the command by the terminal, and what it does about it is its own
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda number, _frame: process.send_signal(number))
        for number in stops:
            process.send_signal(number)
        if process.stdout is not None:
            _copy(process, process.stdout.fileno(), Mask(secrets))
        code = process.wait()
    return of_signal(-code) if code < 0 else code


def _needs_instance(arguments: Sequence[str]) -> bool:
    """Return whether nobody said which instance is meant."""
    return not any(word.partition("=")[0].lower() in {"--instance", "--config", "--help"} for word in arguments)


def _plain(paths: Paths, arguments: Sequence[str]) -> list[str]:
    return [*(paths.server_command() or ["Octopus.Server"]), *arguments]


def _copy(process: subprocess.Popen[bytes], descriptor: int, mask: "Mask") -> None:
    """Show what `process` writes to the pipe `descriptor` until it has ended."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    deadline: float | None = None
    while deadline is None or time.monotonic() < deadline:
        if process.poll() is not None and deadline is None:
            deadline = time.monotonic() + _REST_SECONDS
        if poll.poll(_LOOK_SECONDS * 1000):
            chunk = os.read(descriptor, _CHUNK)
            if not chunk:
                break
            _write(mask.take(chunk))
        elif deadline is not None:
            break
    _write(mask.rest())


def _write(text: bytes) -> None:
    sys.stdout.flush()
    while text:
        text = text[os.write(_STDOUT, text) :]


class Mask:
    """Masks `secrets` in a stream of bytes, of which it keeps back no more than may be the beginning of one."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = secrets
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._kept = ""

    def take(self, chunk: bytes) -> bytes:
        """Return what can be shown after `chunk` came."""
        text = self._kept + self._decoder.decode(chunk)
        end = self._begin_of_secret(text)
        self._kept = text[end:]
        return self._shown(text[:end])

    def rest(self) -> bytes:
        """Return what is left at the end."""
        return self._shown(self._kept + self._decoder.decode(b"", final=True))

    def _shown(self, text: str) -> bytes:
        return redact.mask(text, self._secrets).encode("utf-8", "surrogateescape")

    def _begin_of_secret(self, text: str) -> int:
        """Return where at the end of `text` something begins that may be a secret whose end hasn't come yet."""
        named = _NAMED.search(text)
        places = [named.start()] if named else []
        places += [len(text) - _begun(secret, text) for secret in self._secrets]
        places += [len(text) - _begun(name, text.lower()) for name in _NAMES]
        begin = self._before_whole_ones(text, min(places, default=len(text)))
        return begin if len(text) - begin <= _LONGEST else len(text)

    def _before_whole_ones(self, text: str, begin: int) -> int:
        """Return `begin`, or where a whole secret begins that it would cut in two: its end may begin another one."""
        while cut := [place for secret in self._secrets if 0 <= (place := _across(secret, text, begin)) < begin]:
            begin = min(cut)
        return begin


def _across(word: str, text: str, place: int) -> int:
    """Return where `word` stands in `text` so that `place` is within it; -1 if it doesn't."""
    return text.find(word, max(place - len(word) + 1, 0), place + len(word) - 1) if word else -1


def _begun(word: str, text: str) -> int:
    """Return how many characters at the end of `text` are the beginning of `word`, but not all of it."""
    longest = min(len(word) - 1, len(text))
    return next((count for count in range(longest, 0, -1) if text.endswith(word[:count])), 0)
