"""Signals are values: blocked before anything else happens, then taken one at a time."""

import os
import signal

from entrypoint import prctl


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Set

STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
CHILD = signal.SIGCHLD
KILL = signal.SIGKILL
SUSPENDS = (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
_SYNCHRONOUS = {
    signal.SIGSEGV,
    signal.SIGBUS,
    signal.SIGFPE,
    signal.SIGILL,
    signal.SIGABRT,
    signal.SIGTRAP,
    signal.SIGSYS,
}
_IGNORED_BY_PYTHON = {signal.SIGPIPE, signal.SIGXFSZ}
# all that can be waited for; a blocked synchronous signal would only hide a crash
WAITED = frozenset(signal.valid_signals()) - _SYNCHRONOUS - {signal.SIGKILL, signal.SIGSTOP}


def take_over() -> None:
    """Block every signal that will be waited for, and make sure that the end of a child is told."""
    signal.pthread_sigmask(signal.SIG_BLOCK, WAITED)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # inherited as ignored, the kernel would reap in our place
    prctl.name_process("octo-node")


def wait(seconds: float | None) -> int | None:
    """Return the number of the next signal; None if `seconds` pass first (None: wait for ever)."""
    info = signal.sigwaitinfo(WAITED) if seconds is None else signal.sigtimedwait(WAITED, max(seconds, 0))
    if info is None or (info.si_signo == signal.SIGPIPE and info.si_pid == os.getpid()):
        return None  # our own failed write to stderr is nobody else's business
    return info.si_signo


def name(number: int) -> str:
    """Return a signal's name without SIG, or its number where it has none."""
    try:
        return signal.Signals(number).name.removeprefix("SIG")
    except ValueError:
        return str(number)


def restore(mask: "Set[int]", *, keep_ignored: bool) -> None:
    """Put a forked child's signals in order, right before it executes its program.

    `mask` is what stays blocked. With `keep_ignored`, what this process's caller ignored stays ignored (nohup
    counts on it); PIPE and XFSZ don't: Python itself ignores them when it starts.
    """
    for number in signal.valid_signals():
        ignored = signal.getsignal(number) is signal.SIG_IGN
        if ignored and not (keep_ignored and number not in _IGNORED_BY_PYTHON):
            signal.signal(number, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
