"""The door's other half, for the verbs that may import libraries: arguments, environment, log, masked errors."""

import argparse
import re
import traceback
from collections.abc import Callable, Mapping, Sequence

from . import handover, limits, mask, origins, prctl, settings, streams, structured, termination
from .errors import NodeError
from .exitcodes import ExitCode
from .structured import Logger, Tee


Hide = Callable[[str], None]
Work = Callable[[Mapping[str, str], Logger, Hide], ExitCode | None]
Relay = Callable[[Mapping[str, str]], Tee | None]


def run(process: str, work: Work, *, is_boot: bool = False, relay: Relay | None = None) -> int:
    """Run `work` with the whole environment, a logger and a way to hide a secret; return the exit code.

    An error is logged, and for a part of the boot (`is_boot`) it is also the container's termination message. With
    `relay` each line also goes to what that makes of the environment.
    """
    streams.fill()
    prctl.hide_memory()
    environ = settings.inherited()
    hidden = settings.secret_values(environ)
    logger = structured.logger(process, hidden, environ, tee=relay(environ) if relay is not None else None)

    def hide(secret: str) -> None:
        hidden.append(secret)
        handover.learn(secret)

    try:
        return work(environ, logger, hide) or ExitCode.DONE
    except Exception as error:  # noqa: BLE001 - the door: whatever it is, it is told without secrets
        code, message = _told(error, process, environ)
    for line in message.splitlines():  # a command's last lines are lines of the log, too
        logger.error(line)
    if is_boot:
        termination.write(environ, mask.mask(message, hidden))
    return code


def _told(error: Exception, process: str, environ: Mapping[str, str]) -> tuple[ExitCode, str]:
    """Return the exit code for `error`, and what is told of it."""
    if isinstance(error, NodeError):
        return error.code, "\n".join(origins.told(sentence, environ) for sentence in error.sentences)
    if isinstance(error, OSError) and limits.of(error):
        return ExitCode.SETTINGS, f"{process} can't go on: {limits.reason(error)}."
    trace = "".join(traceback.format_exception(error))
    return ExitCode.FAULT, f"A fault in octo-node itself, in {process}:\n{trace}"


def _preflight(_arguments: Sequence[str]) -> int:
    from .prepare.preflight import preflight  # noqa: PLC0415 - imported only for its verb

    return run("preflight", lambda environ, log, _: preflight(environ, log), is_boot=True)


def _prepare(_arguments: Sequence[str]) -> int:
    from .prepare.sequence import prepare  # noqa: PLC0415 - imported only for its verb

    return run("prepare", prepare, is_boot=True)


def _settle(_arguments: Sequence[str]) -> int:
    from .node.settle import settle  # noqa: PLC0415 - imported only for its verb

    return run("settle", lambda environ, log, _: settle(environ, log), is_boot=True)


def _drain(arguments: Sequence[str]) -> int:
    from .node.containerlog import relay  # noqa: PLC0415 - imported only for its verb
    from .node.drain import Options, drain  # noqa: PLC0415 - as above

    parser = _parser("drain", "Take no new tasks, and wait for those that run.")
    parser.add_argument(
        "--wait", type=_seconds, metavar="SECONDS", default=600.0, help="seconds to wait for running tasks (600)"
    )
    parser.add_argument("--cancel-tasks", action="store_true", help="cancel what still runs after that")
    parser.add_argument(
        "--cancel-wait", type=_seconds, metavar="SECONDS", default=60.0, help="seconds to wait for the cancelled (60)"
    )
    given = parser.parse_args(arguments)
    options = Options(wait=given.wait, cancel_tasks=given.cancel_tasks, cancel_wait=given.cancel_wait)
    return run("drain", lambda environ, log, _: drain(environ, log, options), relay=relay)


def _undrain(arguments: Sequence[str]) -> int:
    from .node.containerlog import relay  # noqa: PLC0415 - imported only for its verb
    from .node.undrain import undrain  # noqa: PLC0415 - as above

    parser = _parser("undrain", "Take tasks again.")
    parser.add_argument(
        "--wait", type=_seconds, metavar="SECONDS", default=60.0, help="seconds to wait for the node to answer (60)"
    )
    wait = parser.parse_args(arguments).wait
    return run("undrain", lambda environ, log, _: undrain(environ, log, wait), relay=relay)


def _status(arguments: Sequence[str]) -> int:
    from .node.status import status  # noqa: PLC0415 - imported only for its verb

    parser = _parser("status", "What this node is doing.")
    parser.add_argument("--json", action="store_true", help="as JSON, all there is")
    as_json = parser.parse_args(arguments).json
    return run("status", lambda environ, log, _: status(environ, log, as_json=as_json))


def _check(arguments: Sequence[str]) -> int:
    from .prepare.check import check  # noqa: PLC0415 - imported only for its verb

    parser = _parser("check", "What preflight says of the environment; nothing is started or changed.")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.add_argument("--commands", action="store_true", help="also what prepare would run, without secrets")
    given = parser.parse_args(arguments)
    return run("check", lambda environ, log, _: check(environ, log, as_json=given.json, with_commands=given.commands))


VERBS: dict[str, Callable[[Sequence[str]], int]] = {
    "preflight": _preflight,
    "prepare": _prepare,
    "settle": _settle,
    "drain": _drain,
    "undrain": _undrain,
    "status": _status,
    "check": _check,
}


def _parser(verb: str, description: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(f"octo-node {verb}", description=description, allow_abbrev=False)


def _seconds(text: str) -> float:
    if not re.fullmatch(r"\d{1,7}(\.\d+)?", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds, such as 60")
    return float(text)
