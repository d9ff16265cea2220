"""Start, signal and reap processes. Nobody else in this process calls fork or waitpid."""

import errno
import os
import signal

from entrypoint.base import prctl, procfs, resource_limits
from entrypoint.base.exitcodes import ExitCode

from . import signals


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence, Set

# fork(2) and pipe(2): no process can be had now, but perhaps later
EXHAUSTED = frozenset({errno.EAGAIN, errno.ENOMEM, errno.ENFILE})
_NAMED = 20  # processes that a sentence names


class Program:
    """What to start: arguments, environment, and how the child is set up.

    `inherit` are descriptors it keeps besides 0, 1 and 2; `mask` what is blocked in it, `keep_ignored` whether
    it keeps ignoring what our caller ignored; `parent_death` the signal it gets if this process dies (None: none);
    with `terminal` it becomes the foreground group of the terminal on its standard input, else that is the descriptor
    `input`, or /dev/null; `output` is where it writes, our own streams by default; `folder` is the descriptor of the
    folder that it stands in, ours by default.
    """

    __slots__ = (
        "argv", "environ", "folder", "inherit", "input", "keep_ignored", "mask", "output", "parent_death", "terminal",
    )  # fmt: skip

    def __init__(self, argv: "Sequence[str]", environ: "Mapping[str, str]", *, terminal: bool = False) -> None:
        self.argv = argv
        self.environ = environ
        self.terminal = terminal
        self.inherit: Sequence[int] = ()
        self.mask: Set[int] = frozenset()
        self.keep_ignored = False
        self.parent_death: int | None = None
        self.input: int | None = None
        self.output: int | None = None
        self.folder: int | None = None


def start(program: Program) -> int:
    """Start `program` in its own process group and return its pid. Raise OSError if it can't be executed."""
    parent = os.getpid()
    pid, read, write = _fork(program)
    if pid == 0:
        _become(program, parent, write)
    os.close(write)
    try:
        # both sides do it: whoever comes first, the group is there when it is needed
        os.setpgid(pid, pid)
    except (PermissionError, ProcessLookupError):
        pass
    with open(read, "rb") as report:
        number = report.read()
    if number:
        os.waitpid(pid, 0)
        error = OSError(int(number), os.strerror(int(number)))
        raise OSError(error.errno, f"{program.argv[0]} can't be executed: {resource_limits.reason(error)}")
    return pid


def _fork(program: Program) -> tuple[int, int, int]:
    """Fork with a pipe between both sides; return the pid, and the pipe's ends. Raise OSError if a limit is reached."""
    ends: tuple[int, ...] = ()
    try:
        ends = os.pipe2(os.O_CLOEXEC)
        return os.fork(), *ends
    except OSError as error:
        for end in ends:
            os.close(end)
        raise OSError(error.errno, f"{program.argv[0]} can't be started: {resource_limits.reason(error)}") from error


def _become(program: Program, parent: int, report: int) -> None:
    """Set the forked child up and execute the program; never return."""
    try:
        os.setpgid(0, 0)
        if program.terminal:
            _take_terminal()
        else:
            os.dup2(os.open(os.devnull, os.O_RDONLY) if program.input is None else program.input, 0)
        if program.output is not None:
            os.dup2(program.output, 1)
            os.dup2(program.output, 2)
        if program.folder is not None:
            os.fchdir(program.folder)
        for descriptor in program.inherit:
            os.set_inheritable(descriptor, True)  # noqa: FBT003 - the signature is Python's
        if program.parent_death is not None:
            prctl.die_with_parent(parent, program.parent_death)
        signals.restore(program.mask, keep_ignored=program.keep_ignored)
        os.execvpe(program.argv[0], list(program.argv), dict(program.environ))
    except OSError as error:
        os.write(report, str(error.errno or errno.EIO).encode())
    finally:
        os._exit(ExitCode.NOT_FOUND)


def _take_terminal() -> None:
    if os.isatty(0):
        try:
            # allowed from the background because TTOU is still blocked here
            os.tcsetpgrp(0, os.getpgrp())
        except OSError:
            pass  # a terminal, but not the one that controls us


def reap() -> "Iterator[tuple[int, int]]":
    """Yield (pid, waitpid status) of every child that has ended; SIGCHLD coalesces, so until there is no more."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        yield pid, status


def have_children() -> bool:
    """Return whether any child is left, adopted ones included."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def send(pid: int, number: int) -> bool:
    """Send signal `number` to child `pid`, or to group -`pid`; return whether there was a process to receive it."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def send_everybody(number: int) -> None:
    """Send signal `number` to every process of the container; where we aren't process 1, to our descendants."""
    if os.getpid() == 1:
        send(-1, number)
        return
    for pid, started in _descendants(os.getpid()):
        try:
            descriptor = os.pidfd_open(pid)
        except OSError:
            continue
        # the descriptor holds on to one process: if that is the one we saw, its pid can't become another's any more
        if procfs.start_time(pid) == started:
            try:
                signal.pidfd_send_signal(descriptor, number)
            except OSError:
                pass
        os.close(descriptor)


def below(pid: int) -> list[str]:
    """Return the names of what runs below process `pid`, each with its pid; those that are too many are counted."""
    names = [f"{procfs.name_of(child)} ({child})" for child, _ in _descendants(pid)]
    return names if len(names) <= _NAMED else [*names[:_NAMED], f"and {len(names) - _NAMED} more"]


def _descendants(top: int) -> "Iterator[tuple[int, int]]":
    """Yield pid and start time of what runs below `top`; an orphan of ours hangs below us: we are a subreaper."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            fields = procfs.stat_fields(int(entry))
            if fields is not None:
                parents[int(entry)] = (int(fields[1]), int(fields[19]))
    for pid, (parent, started) in parents.items():
        above = parent
        while above in parents and above != top:
            above = parents[above][0]
        if above == top:
            yield pid, started
