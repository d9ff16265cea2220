"""From a command line to an exit code, as Octopus.Server does it."""

import importlib
import signal
import time
from collections.abc import Callable, Mapping, Sequence

from . import about, control, crash, journal, log, options, switches, verbs
from .failures import ControlledFailureError, TerminatedError, UnknownCommandError
from .log import complain
from .verbs import Verb


CONTROLLED_FAILURE = 1
UNKNOWN_COMMAND = 2
AGAIN = 2.0  # seconds
_HELP_WORDS = {"help", "--help", "-h", "/?"}


def main(argv: Sequence[str], programs: Mapping[str, Verb] = verbs.SERVER) -> int:
    """Carry out one command; every failure becomes text and an exit code here."""
    journal.write("start", argv)
    known = verbs.known(programs)
    if switches.on("unterminated"):
        log.leave_last_line_open()
    try:
        _listen_for_signals()  # here: what a handler raises is caught below, and nowhere else
        code = _carry_out(argv, known)
    except ControlledFailureError as failure:
        complain(str(failure))
        code = CONTROLLED_FAILURE
    except UnknownCommandError as failure:
        complain(str(failure))
        print(_overview(known))
        code = UNKNOWN_COMMAND
    except TerminatedError as ended:
        signal.setitimer(signal.ITIMER_REAL, 0)
        code = ended.code
    except Exception as error:  # noqa: BLE001 - what the real one calls an unhandled exception
        code = crash.report(error)
    journal.write("end", argv, code)
    return code


def _carry_out(argv: Sequence[str], known: Mapping[str, Verb]) -> int:
    """Find the verb, misbehave if told, do it."""
    name = argv[0].lower() if argv else "help"
    if name in _HELP_WORDS:
        print(_help_about(argv[1].lower(), known) if argv[1:] else _overview(known))
        return 0
    if name not in known:
        raise UnknownCommandError(f"Command '{argv[0]}' is not supported")
    time.sleep(control.startup_seconds(name))
    verb = known[name]
    given = options.parse(argv[1:], verbs.specification(name, verb))
    if given.has("help"):
        print(_help_about(name, known))
        return 0
    _misbehave(name, "before")
    code = _function(verb)(given)
    _misbehave(name, "after")
    return code


def _function(verb: Verb) -> Callable[[options.Options], int]:
    """The function of a verb, imported only now: most verbs cost little."""
    module, _, name = verb.function.partition(":")
    path = module if module.startswith("server.") else f"commands.{module}"
    found: Callable[[options.Options], int] = getattr(importlib.import_module(f".{path}", __package__), name)
    return found


def _misbehave(name: str, when: str) -> None:
    """Hang or fail if the control file says so for this verb, before or after its work."""
    while when == "before" and name in control.listed("hang"):
        time.sleep(0.1)
    told = control.mapping("fail").get(name)
    if told is None:
        return
    failure = told if isinstance(told, dict) else {"code": told}
    if failure.get("when", "before") != when:
        return
    if "times" in failure and not control.spend(f"fail.{name}", int(str(failure["times"]))):
        return
    text = str(failure.get("text", f"The command {name} was told to fail."))
    if failure.get("stack"):
        raise RuntimeError(text)
    complain(text)
    raise _ToldToFailError(int(str(failure.get("code", 1))))


class _ToldToFailError(TerminatedError):
    """A failure that a test ordered."""

    def __init__(self, code: int) -> None:
        super().__init__(0)
        self.code = code


def _listen_for_signals() -> None:
    """End with 128 + the signal, as .NET does, so that the journal gets its last line."""
    asked: list[int] = []

    def end(signum: int, _frame: object) -> None:
        if control.flag("ignore_term_commands"):
            return
        if signum != signal.SIGALRM:
            asked.append(signum)
            signal.signal(signal.SIGALRM, end)  # only now: .NET catches no ALRM of anybody else's
        signal.setitimer(signal.ITIMER_REAL, AGAIN)  # Python swallows what is raised in some of its callbacks
        raise TerminatedError(asked[0])

    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(signum) is not signal.SIG_IGN:
            signal.signal(signum, end)


def _overview(known: Mapping[str, Verb]) -> str:
    """The help text."""
    lines = [f"  {name:26} {verb.summary}" for name, verb in sorted(known.items())]
    return "\n".join(
        [f"Octopus Deploy: Server version {about.version()}", "", "Usage: <command> [<options>]", "", *lines]
    )


def _help_about(name: str, known: Mapping[str, Verb]) -> str:
    """The help text of one verb."""
    if name not in known:
        raise UnknownCommandError(f"Command '{name}' is not supported")
    described = options.described(verbs.specification(name, known[name]))
    return f"Usage: {name} [<options>]\n\n{known[name].summary}\n\nWhere [<options>] is any of:\n\n{described}"
