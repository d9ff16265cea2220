"""`octo-node init`: process 1 for any command. Forwards signals, reaps orphans, passes the exit code on."""

import errno
import os
import signal

from entrypoint.base import prctl, resource_limits
from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode, of_status

from . import processes, signals


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence, Set


def run(argv: "Sequence[str]", environ: "Mapping[str, str]", mask: "Set[int]") -> int:
    """Run the command `argv` and return its exit code, 128+n if signal n ended it.

    Its environment is `environ`; what our caller blocked (`mask`) or ignored is handed on, as tini does.
    Raise NodeError (126, 127) if it can't be executed.
    """
    signals.take_over()
    if os.getpid() != 1:
        prctl.become_subreaper()
    program = processes.Program(argv, environ, terminal=True)
    program.mask, program.keep_ignored = mask, True
    pid = _start(program)
    status = _until_ended(pid)
    processes.send(-pid, signal.SIGTERM)
    for _ in processes.reap():
        pass
    return of_status(status)


def _start(program: processes.Program) -> int:
    """Start `program` where we stand, and stand in / ourselves from before its first instruction; return its pid.

    So no mount is kept busy by us. Raise NodeError (126, 127) if it can't be executed.
    """
    program.folder = _folder()
    if program.folder is not None:
        os.chdir("/")
    try:
        pid = processes.start(program)
    except OSError as error:
        if program.folder is not None:
            os.fchdir(program.folder)  # which names of programs may be relative to
        raise _refusal(program, error.errno or errno.EIO) from error
    os.chdir("/")
    if program.folder is not None:
        os.close(program.folder)
    return pid


def _folder() -> int | None:
    """Return a descriptor of the folder that we stand in; None if we may not look into it."""
    try:
        return os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None


def _refusal(program: processes.Program, number: int) -> NodeError:
    """Return why `program` can't be executed, which errno `number` says."""
    word = program.argv[0]
    if not _is_there(word, os.get_exec_path(program.environ)):
        number = errno.ENOENT  # and not what a file or a closed folder in PATH led to
    code = ExitCode.NOT_FOUND if number == errno.ENOENT else ExitCode.NOT_EXECUTABLE
    return NodeError(code, f"{word}: {resource_limits.reason(OSError(number, os.strerror(number)))}.")


def _is_there(word: str, search_path: "Sequence[str]") -> bool:
    folders = [""] if "/" in word else [f"{folder}/" for folder in search_path]
    return any(os.path.exists(folder + word) for folder in folders)


def _until_ended(pid: int) -> int:
    """Pass signals on to group `pid` and reap until its leader has ended; return the leader's status."""
    while True:
        number = signals.wait(None)
        ended = dict(processes.reap())
        if pid in ended:
            return ended[pid]
        if number in signals.SUSPENDS:
            _suspend(pid)
        elif number not in {None, signal.SIGCHLD}:
            processes.send(-pid, number)


def _suspend(pid: int) -> None:
    """Stop the command whatever it does about TSTP; and ourselves, so that a shell sees its job stopped."""
    processes.send(-pid, signal.SIGSTOP)
    if os.getpid() != 1:
        os.kill(os.getpid(), signal.SIGSTOP)
