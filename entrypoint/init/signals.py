"""Signals as values: blocked before anything else happens, then taken one at a time."""

import os
import signal

from entrypoint.base import exitcodes, prctl


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Set

STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
CHILD = signal.SIGCHLD
KILL = signal.SIGKILL
MEMORY = 0  # no signal: what `wait` returns for the IO that the kernel sends of itself (oom_watch.py)
TERM = signal.SIGTERM
SUSPENDS = (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
_HARMLESS = {
    signal.SIGCHLD,
    signal.SIGCONT,
    signal.SIGURG,
    signal.SIGWINCH,
}  # ignored, or awaited, by default: signal(7)
_DUMPS = {signal.SIGABRT}  # who sends it wants a dump and an end; .NET makes one
_STATUS = 8192  # bytes: more than a process's status in /proc has
_IGNORED_BY_PYTHON = {signal.SIGPIPE, signal.SIGXFSZ}
# all that can be waited for, SEGV and its like included: a process that faults is killed, blocked or not (signal(7))
WAITED = frozenset(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}


def take_over() -> None:
    """Block every signal that will be waited for, and make sure that the kernel reports the end of a child."""
    signal.pthread_sigmask(signal.SIG_BLOCK, WAITED)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # inherited as ignored, the kernel would reap in our place
    prctl.name_process("octo-node")


def wait(seconds: float | None) -> int | None:
    """Return the number of the next signal, or MEMORY; None if `seconds` pass first (None: wait for ever)."""
    info = signal.sigwaitinfo(WAITED) if seconds is None else signal.sigtimedwait(WAITED, max(seconds, 0))
    if info is None or (info.si_signo == signal.SIGPIPE and info.si_pid == os.getpid()):
        return None  # our own failed write to stderr is nobody else's business
    if info.si_signo == signal.SIGIO and info.si_code > 0:  # sigaction(2): 0 and less were sent by a process
        return MEMORY
    return info.si_signo


def is_meant_for(pid: int, number: int) -> bool:
    """Return whether process `pid` does anything else about signal `number` than end, or stop.

    It catches or ignores it (SigCgt, SigIgn in /proc/PID/status: proc(5)), or by default nothing happens. ABRT, too, is
    meant for it. Nothing is meant for a process that has ended.
    """
    if number in _HARMLESS or number in _DUMPS:
        return True
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            lines = file.read(_STATUS).splitlines()
    except OSError:
        return False
    masks = [int(line.split()[1], 16) for line in lines if line.startswith((b"SigCgt:", b"SigIgn:"))]
    return any(mask >> (number - 1) & 1 for mask in masks)


def name(number: int) -> str:
    """Return a signal's name without SIG, or its number where it has none."""
    return exitcodes.signal_name(number)


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
