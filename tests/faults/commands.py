"""Rows: what a command of the server may do, in each of those that a start runs.

Left out: all other phases; and a command that hangs without end, because its limit is two minutes at least
(tests/unit/test_command_runner.py has a shorter one, and a stop ends it at any time: see `stops`). 1 GB is printed by
one of the commands, 64 MB by the others.
"""

from collections.abc import Callable

from processes import wait_until

from .matrix import Ends, Fault, GoesOn, Outcome, each
from .phases import TERMINATED, VERBS
from .rig import Rig


GROUP = "a command"
LARGE = "`database`"
_DEAF = """
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT): signal.signal(number, signal.SIG_IGN)
open({path!r}, "w").close()
time.sleep(1000)
"""
_FLOOD = "for _ in range({count}): os.write(1, b'x' * 65535 + b'\\n')"
_LINE = "for _ in range({count}): os.write(1, b'x' * 65536)"
_BINARY = "os.write(1, os.urandom(1 << 20)); os.write(1, b'\\n')"
_DAEMON = "subprocess.Popen(['sleep', '1000'], start_new_session=True)"


def _does(code: str) -> Callable[[Rig], None]:
    def prepare(rig: Rig) -> None:
        rig.before(rig.verb, code)

    return prepare


def _prints(code: str, most: int, others: int) -> Callable[[Rig], None]:
    """Return what has the command print so many pieces of 64 KiB."""

    def prepare(rig: Rig) -> None:
        rig.before(rig.verb, code.format(count=most if rig.phase == LARGE else others))

    return prepare


def _go_on(rig: Rig) -> None:
    rig.gate.touch()


def _is_deaf(rig: Rig) -> None:
    rig.before(rig.verb, _DEAF.format(path=str(rig.folder / "deaf")))


def _stop(rig: Rig) -> None:
    rig.gate.touch()
    wait_until((rig.folder / "deaf").exists, what="it is deaf")
    rig.node.send()


def _failed(said: str) -> dict[str, Outcome]:
    return each(VERBS, Ends(16, said=said))


FAULTS = (
    Fault(
        "fails",
        GROUP,
        _failed("failed with exit code 3"),
        _go_on,
        _does("print('no luck', flush=True)\nsys.exit(3)"),
        quick=("`configure`",),
    ),
    Fault(
        "fails by an exception of .NET",
        GROUP,
        _failed("System.Exception: no luck"),
        _go_on,
        _does("print('Unhandled exception. System.Exception: no luck\\n   at X.Y()\\n' * 300)\nsys.exit(100)"),
    ),
    Fault(
        "is killed",
        GROUP,
        _failed("signal KILL"),
        _go_on,
        _does("os.kill(os.getpid(), signal.SIGKILL)"),
        quick=("`path`",),
    ),
    Fault("ends by SEGV", GROUP, _failed("signal SEGV"), _go_on, _does("os.kill(os.getpid(), signal.SIGSEGV)")),
    Fault(
        "ignores TERM",
        GROUP,
        each(VERBS, Ends(TERMINATED, said="helpers didn't stop in time")),
        _stop,
        _is_deaf,
        environ={"OCTO_NODE_STOP_TIMEOUT": "2"},
        quick=("`admin`",),
    ),
    Fault("prints 1 GB", GROUP, each(VERBS, GoesOn()), _go_on, _prints(_FLOOD, 1 << 14, 1 << 10)),
    Fault(
        "prints one line of 500 MB",
        GROUP,
        each(VERBS, GoesOn()),
        _go_on,
        _prints(_LINE, 8000, 1 << 10),
        quick=("`license`",),
    ),
    Fault("prints what is no text", GROUP, each(VERBS, GoesOn()), _go_on, _does(_BINARY), quick=("`version`",)),
    Fault(
        "leaves a daemon that keeps its pipe", GROUP, each(VERBS, GoesOn()), _go_on, _does(_DAEMON), quick=("`node`",)
    ),
)
