"""The exit codes of octo-node; `docs/troubleshooting.md` has a section for each."""

import signal
from enum import IntEnum


class ExitCode(IntEnum):
    """What an orchestrator can tell apart without reading a log."""

    DONE = 0
    PROBE_NO = 1
    USAGE = 2
    EULA = 10
    SETTINGS = 11
    SQL_NOT_READY = 12
    SQL_LOGIN = 13
    NEWER_DATABASE = 14
    OTHER_VERSION = 15
    COMMAND = 16
    DOCKER_IN_DOCKER = 17
    NOT_WRITABLE = 18
    TASKS_RUNNING = 20
    NODE_UNREACHABLE = 21
    FAULT = 70
    NOT_EXECUTABLE = 126
    NOT_FOUND = 127
    INTERRUPTED = 130


def of_signal(number: int) -> int:
    """Return the code that a shell gives for an end by signal `number`."""
    return 128 + number


def of_status(status: int) -> int:
    """Return the code for a `waitpid` status: the process's own, or 128 + its signal."""
    number = status & 0x7F
    return of_signal(number) if number else status >> 8


def words(code: int) -> str:
    """Return how a process ended, by the `code` of subprocess: `with exit code 3`, or `by signal KILL`."""
    return f"with exit code {code}" if code >= 0 else f"by signal {signal_name(-code)}"


def signal_name(number: int) -> str:
    """Return a signal's name without SIG, or its number where it has none."""
    try:
        return signal.Signals(number).name.removeprefix("SIG")
    except ValueError:
        return str(number)
