"""What the stand-in says: on stdout, and in Logs/OctopusServer.txt below the home folder."""

import os
import sys
import threading
from datetime import datetime
from pathlib import Path
from typing import TextIO

from . import switches


RED, PLAIN = "\x1b[31;1m", "\x1b[0m"


class _File:
    """The log file, once the home folder is known."""

    path: Path | None = None


def keep_in(home: Path) -> None:
    """Write everything that is said from now on below this home folder as well."""
    _File.path = home / "Logs" / "OctopusServer.txt"


class _Open:
    """A stream whose last end of line is kept back until more follows, on it or on another."""

    kept: TextIO | None = None  # whose end of line is kept back

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write all but an end of line at the end."""
        if text:
            self._end_line()
            self._stream.write(text.removesuffix("\n"))
            _Open.kept = self._stream if text.endswith("\n") else None
        return len(text)

    @staticmethod
    def _end_line() -> None:
        if _Open.kept is not None:
            _Open.kept.write("\n")
            _Open.kept.flush()

    def flush(self) -> None:
        """Hand on what isn't kept back."""
        self._stream.flush()

    def fileno(self) -> int:
        """The descriptor, for the processes of tasks."""
        return self._stream.fileno()


def leave_last_line_open() -> None:
    """Print no end of line after the last line."""
    sys.stdout, sys.stderr = _Open(sys.stdout), _Open(sys.stderr)


def say(message: str) -> None:
    """Say something on stdout."""
    _print(message, sys.stdout)
    _write("INFO", message)


def _print(message: str, stream: TextIO) -> None:
    """Print a line; where nobody can read it any more, all that follows is lost, as with .NET's console."""
    try:
        print(message, file=stream, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def complain(message: str, level: str = "ERROR") -> None:
    """Say something on stderr."""
    shown = f"{RED}{message}{PLAIN}" if switches.on("ansi") else message
    _print(shown, sys.stderr)
    _write(level, message)


def note(message: str) -> None:
    """Write something into the log file only."""
    _write("INFO", message)


def _write(level: str, message: str) -> None:
    """Add a line in NLog's layout: long date (without a zone), pid, thread, level, message."""
    if _File.path is None:
        return
    stamp = datetime.now().strftime("%Y-%m-%d %H:%M:%S.%f")[:-2]  # noqa: DTZ005 - the real log has no zone
    line = f"{stamp} {os.getpid():6} {threading.get_native_id() % 1000:6} {level:>5}  {message}\n"
    try:
        _File.path.parent.mkdir(parents=True, exist_ok=True)
        with _File.path.open("a") as file:
            file.write(line)
    except OSError:
        _File.path = None
