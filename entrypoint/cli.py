"""The command line: maps a verb to its module, and an error to its text and exit code."""

import os
import sys

from entrypoint.base import errors, resource_limits, stdio, termination_message
from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode

from . import __version__


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence, Set

# verbs that process 1 starts itself, and those that people, docker and kubelet use
INTERNAL = (
    "preflight", "prepare", "settle", "start-dockerd", "await-dockerd", "watch-engine", "wrap-log", "serve-http",
    "observe",
)  # fmt: skip
BOOT = ("preflight", "prepare", "settle")  # whose end may be the node's
VERBS = (
    "run", "init", "probe", "drain", "undrain", "status", "nodes", "server", "configure", "check", "diagnose",
    "explain", "completion", "install", "help", "version",
)  # fmt: skip
# the others are run below `init` where they are process 1
_AS_PROCESS_1 = {"run", "init", "version", "install", "probe", "help", "explain", "completion"}


def main(arguments: "Sequence[str]", mask: "Set[int]") -> int:
    """Run octo-node with `arguments`; `mask` is what its caller had blocked. Return the exit code."""
    verb, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    try:
        if verb in VERBS and rest[:1] in (["--help"], ["-h"]):
            verb, rest = "help", [verb]
        if verb == "run":
            return _run(rest)
        if os.getpid() == 1 and verb in VERBS and verb not in _AS_PROCESS_1:
            verb, arguments = "init", _below_init(verb, rest)
        if verb == "init" or (verb not in (*VERBS, *INTERNAL) and verb and not verb.startswith("-")):
            return _init(arguments, mask)
        _unblock(mask)
        return _verb(verb)(rest)
    except NodeError as error:
        for sentence in error.sentences:
            print(f"octo-node: {sentence}", file=sys.stderr)
        if pointer := errors.pointer(error.code):
            print(f"octo-node: {pointer}", file=sys.stderr)
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
    if verb in BOOT:
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


def _below_init(verb: str, rest: "Sequence[str]") -> "Sequence[str]":
    """Return what runs `verb` as a child: the kernel drops signals that process 1 doesn't catch, such as Ctrl-C."""
    from entrypoint.base import command_lines  # noqa: PLC0415 - imported only for process 1

    return ["init", "--", *command_lines.own(verb, *rest)]


def _nearest_verb(word: str) -> str:
    import difflib  # noqa: PLC0415 - only a mistyped verb pays for it

    nearest = difflib.get_close_matches(word, VERBS, n=1)
    return f" Did you mean `octo-node {nearest[0]}`?" if nearest else " See `octo-node --help`."


def _help(rest: "Sequence[str]") -> int:
    from . import usage  # noqa: PLC0415 - only who asks for help pays for it

    if not rest:
        print(usage.overview(), end="")
    elif rest[0] in VERBS:
        print(usage.of_verb(rest[0]), end="")
    else:
        raise NodeError(ExitCode.USAGE, f"octo-node has no verb {rest[0]}.{_nearest_verb(rest[0])}")
    return ExitCode.DONE


def _version(_rest: "Sequence[str]") -> int:
    print(f"octo-node {__version__}")
    return ExitCode.DONE


def _usage(_rest: "Sequence[str]") -> int:
    from . import usage  # noqa: PLC0415 - as in _help

    print(usage.overview(), end="", file=sys.stderr)
    return ExitCode.USAGE


def _probe(rest: "Sequence[str]") -> int:
    from . import http_probe  # noqa: PLC0415 - imported only for its verb

    return http_probe.main(list(rest))


def _explain(rest: "Sequence[str]") -> int:
    from . import explain  # noqa: PLC0415 - imported only for its verb

    return explain.explain(rest)


def _completion(rest: "Sequence[str]") -> int:
    from . import completion  # noqa: PLC0415 - imported only for its verb

    return completion.complete(list(rest))


def _install(rest: "Sequence[str]") -> int:
    from . import install  # noqa: PLC0415 - imported only for its verb

    return install.main(rest)


def _start_dockerd(_rest: "Sequence[str]") -> int:
    from entrypoint.dockerd import launcher  # noqa: PLC0415 - imported only for its verb

    return launcher.launch(os.environ)


def _await_dockerd(_rest: "Sequence[str]") -> int:
    from entrypoint.dockerd import readiness  # noqa: PLC0415 - as above
    from entrypoint.settings.base_settings import BaseSettings  # noqa: PLC0415 - imported only for its verb
    from entrypoint.settings.environment import Environment  # noqa: PLC0415 - as above

    return readiness.wait(BaseSettings(Environment(os.environ)))


def _watch_engine(_rest: "Sequence[str]") -> int:
    from entrypoint.dockerd import readiness  # noqa: PLC0415 - as above
    from entrypoint.settings.base_settings import BaseSettings  # noqa: PLC0415 - as above
    from entrypoint.settings.environment import Environment  # noqa: PLC0415 - as above

    return readiness.watch_external(BaseSettings(Environment(os.environ)))


def _wrap_log(_rest: "Sequence[str]") -> int:
    from entrypoint.base import wrap_lines  # noqa: PLC0415 - imported only for its verb

    return wrap_lines.run("server")


def _serve_http(_rest: "Sequence[str]") -> int:
    from entrypoint.monitoring import serve  # noqa: PLC0415 - imported only for its verb
    from entrypoint.settings import secrets_memfd, variables  # noqa: PLC0415 - as above
    from entrypoint.settings.base_settings import BaseSettings  # noqa: PLC0415 - as above
    from entrypoint.settings.environment import Environment  # noqa: PLC0415 - as above

    # what listens on a port has no secret: it hands the descriptors on, and reads neither them nor files of secrets
    numbers = {secrets_memfd.DESCRIPTOR: "", secrets_memfd.LEARNT: ""} | dict(os.environ)
    descriptors = (
        secrets_memfd.descriptor(numbers.pop(secrets_memfd.DESCRIPTOR)),
        secrets_memfd.learnt_descriptor(numbers.pop(secrets_memfd.LEARNT)),
    )
    files = {f"{name}_FILE" for name in variables.SECRETS}
    base = BaseSettings(Environment({name: value for name, value in numbers.items() if name not in files}))
    return serve.serve(base, tuple(number for number in descriptors if number is not None))


def _verb(verb: str) -> "Callable[[Sequence[str]], int]":
    """Return the function of `verb`, importing its module and no other."""
    light = {"version": _version, "--version": _version, "help": _help, "--help": _help, "-h": _help, "probe": _probe}
    light |= {"explain": _explain, "completion": _completion, "install": _install}
    light |= {"start-dockerd": _start_dockerd, "await-dockerd": _await_dockerd, "wrap-log": _wrap_log}
    light |= {"watch-engine": _watch_engine, "serve-http": _serve_http}
    if verb not in (*VERBS, *INTERNAL) or verb in light:
        return light.get(verb, _usage)
    from . import verbs  # noqa: PLC0415 - only for the verbs that need libraries

    return verbs.VERBS[verb]
