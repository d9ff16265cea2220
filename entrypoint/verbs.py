"""The verbs that may import libraries: their arguments, settings, log, and errors with secrets redacted."""

import argparse
import os
import re
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from entrypoint.base import prctl, redact, resource_limits, stdio, termination_message
from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode
from entrypoint.octopus.command_runner import Runner
from entrypoint.settings import origins, secrets_memfd
from entrypoint.settings.base_settings import BaseSettings
from entrypoint.settings.configuration import Configuration
from entrypoint.settings.environment import Environment

from . import structured_log
from .structured_log import Logger, Tee


@dataclass(frozen=True, slots=True)
class Tools:
    """What a verb works with: the settings, a runner of commands, the log, and a function that hides a secret."""

    configuration: Configuration
    runner: Runner
    log: Logger
    hide: Callable[[str], None]


Work = Callable[[Tools], ExitCode | None]
Relay = Callable[[BaseSettings], Tee | None]


def run(process: str, work: Work, *, is_boot: bool = False, relay: Relay | None = None) -> int:
    """Read the environment, run `work` with what it needs, and return the exit code.

    An error is logged, and for a part of the boot (`is_boot`) it is also the container's termination message. With
    `relay` each line also goes to what that makes of the settings.
    """
    stdio.fill()
    prctl.hide_memory()
    environment = Environment(os.environ)
    configuration = Configuration(environment)
    base, hidden = configuration.base, configuration.secrets()
    logger = structured_log.logger(process, hidden, base.log_format, tee=relay(base) if relay is not None else None)

    def hide(secret: str) -> None:
        hidden.append(secret)
        secrets_memfd.learn(secret, environment.learnt)

    try:
        return work(Tools(configuration, Runner(environment.public, logger), logger, hide)) or ExitCode.DONE
    except Exception as error:  # noqa: BLE001 - the door: whatever it is, it is told without secrets
        code, message = _told(error, process, base.value_names)
    for line in message.splitlines():  # a command's last lines are lines of the log, too
        logger.error(line)
    if is_boot:
        termination_message.write(base.termination_log, redact.mask(message, hidden))
    return code


def _told(error: Exception, process: str, value_names: str) -> tuple[ExitCode, str]:
    """Return the exit code and the message for `error`."""
    if isinstance(error, NodeError):
        return error.code, "\n".join(origins.told(sentence, value_names) for sentence in error.sentences)
    if isinstance(error, OSError) and resource_limits.reached(error):
        return ExitCode.SETTINGS, f"{process} can't go on: {resource_limits.reason(error)}."
    trace = "".join(traceback.format_exception(error))
    return ExitCode.FAULT, f"An internal error of octo-node, in {process}:\n{trace}"


def _preflight(_arguments: Sequence[str]) -> int:
    from entrypoint.prepare.preflight.checks import preflight  # noqa: PLC0415 - imported only for its verb

    return run("preflight", lambda tools: preflight(tools.configuration, tools.log), is_boot=True)


def _prepare(_arguments: Sequence[str]) -> int:
    from entrypoint.prepare.sequence import prepare  # noqa: PLC0415 - imported only for its verb

    def work(tools: Tools) -> None:
        prepare(tools.configuration.settings(), tools.runner, tools.log, tools.hide)

    return run("prepare", work, is_boot=True)


def _settle(_arguments: Sequence[str]) -> int:
    from entrypoint.node.settle import settle  # noqa: PLC0415 - imported only for its verb

    def work(tools: Tools) -> None:
        settle(tools.configuration.settings(), tools.runner, tools.log)

    return run("settle", work, is_boot=True)


def _drain(arguments: Sequence[str]) -> int:
    from entrypoint.node.container_log import relay  # noqa: PLC0415 - imported only for its verb
    from entrypoint.node.drain import Options, drain  # noqa: PLC0415 - as above

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
    return run("drain", lambda tools: drain(tools.configuration, tools.runner, tools.log, options), relay=relay)


def _undrain(arguments: Sequence[str]) -> int:
    from entrypoint.node.container_log import relay  # noqa: PLC0415 - imported only for its verb
    from entrypoint.node.undrain import undrain  # noqa: PLC0415 - as above

    parser = _parser("undrain", "Take tasks again.")
    parser.add_argument(
        "--wait", type=_seconds, metavar="SECONDS", default=60.0, help="seconds to wait for the node to answer (60)"
    )
    wait = parser.parse_args(arguments).wait
    return run("undrain", lambda tools: undrain(tools.configuration, tools.runner, tools.log, wait), relay=relay)


def _status(arguments: Sequence[str]) -> int:
    from entrypoint.node.status import status  # noqa: PLC0415 - imported only for its verb

    parser = _parser("status", "What this node is doing.")
    parser.add_argument("--json", action="store_true", help="as JSON, all there is")
    as_json = parser.parse_args(arguments).json
    return run("status", lambda tools: status(tools.configuration, tools.log, as_json=as_json))


def _check(arguments: Sequence[str]) -> int:
    from entrypoint.prepare.check import check  # noqa: PLC0415 - imported only for its verb

    parser = _parser("check", "What preflight says of the environment; nothing is started or changed.")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.add_argument("--commands", action="store_true", help="also what prepare would run, without secrets")
    given = parser.parse_args(arguments)

    def work(tools: Tools) -> ExitCode:
        configuration, runner, log = tools.configuration, tools.runner, tools.log
        return check(configuration, runner, log, as_json=given.json, with_commands=given.commands)

    return run("check", work)


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
        raise argparse.ArgumentTypeError(f"{text!r} isn't a number of seconds, such as 60")
    return float(text)
