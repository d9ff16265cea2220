"""The command line: maps a verb to its module, and an error to its text and exit code."""

import os
import sys

from entrypoint.base import resource_limits, stdio, termination_message
from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode

from . import __version__


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence, Set

# verbs that process 1 starts itself, and those that people, docker and kubelet use
INTERNAL = ("preflight", "prepare", "settle", "start-dockerd", "await-dockerd")
VERBS = ("run", "init", "probe", "drain", "undrain", "status", "check", "install", "version")

HELP = """\
octo-node: ENTRYPOINT and node supervisor of Octopus Server's Linux container

  octo-node run                    process 1 of a node: check, configure, start and supervise Octopus.Server
  octo-node init -- CMD [ARG...]   process 1 for any other command; CMD alone does the same
  octo-node probe startup|liveness|readiness [--timeout 4] [--url URL]
                                   does the node answer? exit code 0: yes, 1: no
  octo-node drain [--wait 600] [--cancel-tasks] [--cancel-wait 60]
                                   take no new tasks, and wait for those that run
  octo-node undrain [--wait 60]    take tasks again
  octo-node status [--json]        what this node is doing
  octo-node check [--json] [--commands]
                                   what preflight says of the environment; --commands: what prepare would run
  octo-node install DIR            copy this image's /opt/octo-node into a volume, for Octopus's own image
  octo-node version

Settings are environment variables: docs/environment.md. Exit codes: docs/troubleshooting.md.
"""


def main(arguments: "Sequence[str]", mask: "Set[int]") -> int:
    """Run octo-node with `arguments`; `mask` is what its caller had blocked. Return the exit code."""
    verb, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    try:
        if verb == "run":
            return _run(rest)
        if verb == "init" or (verb not in (*VERBS, *INTERNAL) and verb and not verb.startswith("-")):
            return _init(arguments, mask)
        _unblock(mask)
        return _verb(verb)(rest)
    except NodeError as error:
        for sentence in error.sentences:
            print(f"octo-node: {sentence}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the door: a fault of our own has a code of its own
        return _fault(verb, error)
    finally:
        stdio.flush()


def _fault(verb: str, error: Exception) -> int:
    """Tell of a fault of our own, or that a limit of the container is reached; return the exit code."""
    if not isinstance(error, OSError) or not resource_limits.reached(error):
        sys.excepthook(type(error), error, error.__traceback__)
        return ExitCode.FAULT
    sentence = f"{verb} can't go on: {resource_limits.reason(error)}."
    print(f"octo-node: {sentence}", file=sys.stderr)
    if verb in INTERNAL:
        from entrypoint.settings.base_settings import BaseSettings  # noqa: PLC0415 - only a fault needs it
        from entrypoint.settings.environment import Environment  # noqa: PLC0415 - as above

        termination_message.write(BaseSettings(Environment(os.environ)).termination_log, sentence)
    return ExitCode.SETTINGS


def _unblock(mask: "Set[int]") -> None:
    from _signal import SIG_SETMASK, pthread_sigmask  # noqa: PLC0415 - as in __main__

    pthread_sigmask(SIG_SETMASK, mask)


def _run(rest: "Sequence[str]") -> int:
    if rest:
        raise NodeError(ExitCode.USAGE, "`run` takes no arguments: its settings are environment variables.")
    from entrypoint.init import supervisor  # noqa: PLC0415 - imported only for its verb

    return supervisor.run(os.environ)


def _init(arguments: "Sequence[str]", mask: "Set[int]") -> int:
    from entrypoint.init import any_command  # noqa: PLC0415 - imported only for its verb

    explicit = arguments[0] == "init"
    argv = list(arguments[1:] if explicit else arguments)
    if argv[:1] == ["--"]:
        del argv[0]
    elif argv and argv[0].startswith("-"):
        raise NodeError(ExitCode.USAGE, f"`init` has no option {argv[0]}. Usage: octo-node init -- CMD [ARG...]")
    if not argv:
        raise NodeError(ExitCode.USAGE, "No command was given. Usage: octo-node init -- CMD [ARG...]")
    try:
        return any_command.run(argv, os.environ, mask)
    except NodeError as error:
        if explicit or error.code != ExitCode.NOT_FOUND:
            raise
        raise NodeError(error.code, f"{error}{_nearest_verb(argv[0])}") from error


def _nearest_verb(word: str) -> str:
    import difflib  # noqa: PLC0415 - only a mistyped verb pays for it

    nearest = difflib.get_close_matches(word, VERBS, n=1)
    return f" Did you mean `octo-node {nearest[0]}`?" if nearest else " See `octo-node --help`."


def _help(_rest: "Sequence[str]") -> int:
    print(HELP, end="")
    return ExitCode.DONE


def _version(_rest: "Sequence[str]") -> int:
    print(f"octo-node {__version__}")
    return ExitCode.DONE


def _usage(_rest: "Sequence[str]") -> int:
    print(HELP, end="", file=sys.stderr)
    return ExitCode.USAGE


def _probe(rest: "Sequence[str]") -> int:
    from . import http_probe  # noqa: PLC0415 - imported only for its verb

    return http_probe.main(list(rest))


def _install(rest: "Sequence[str]") -> int:
    from . import install  # noqa: PLC0415 - imported only for its verb

    return install.main(rest)


def _start_dockerd(_rest: "Sequence[str]") -> int:
    from entrypoint.dockerd import launcher  # noqa: PLC0415 - imported only for its verb

    return launcher.launch(os.environ)


def _await_dockerd(_rest: "Sequence[str]") -> int:
    from entrypoint.dockerd import launcher  # noqa: PLC0415 - as above
    from entrypoint.settings.base_settings import BaseSettings  # noqa: PLC0415 - imported only for its verb
    from entrypoint.settings.environment import Environment  # noqa: PLC0415 - as above

    return launcher.wait(BaseSettings(Environment(os.environ)))


def _verb(verb: str) -> "Callable[[Sequence[str]], int]":
    """Return the function of `verb`, importing its module and no other."""
    light = {"version": _version, "--version": _version, "help": _help, "--help": _help, "-h": _help, "probe": _probe}
    light |= {"install": _install, "start-dockerd": _start_dockerd, "await-dockerd": _await_dockerd}
    if verb not in (*VERBS, *INTERNAL) or verb in light:
        return light.get(verb, _usage)
    from . import verbs  # noqa: PLC0415 - only for the verbs that need libraries

    return verbs.VERBS[verb]
