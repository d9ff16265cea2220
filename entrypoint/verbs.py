"""The verbs that may import libraries: their arguments, settings, log, and errors with secrets redacted."""

import argparse
import contextlib
import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from entrypoint.base import end_reason, errors, kept_log, prctl, redact, resource_limits, state_reader, stdio
from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode
from entrypoint.octopus.command_runner import Runner
from entrypoint.settings import origins, secrets_memfd
from entrypoint.settings.base_settings import BaseSettings
from entrypoint.settings.configuration import Configuration
from entrypoint.settings.environment import Environment

from . import structured_log
from .structured_log import Logger, Tee


TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from entrypoint.node.drain_view import DrainView


@dataclass(frozen=True, slots=True)
class Tools:
    """What a verb works with: the settings, a runner of commands, the log, and a function that hides a secret."""

    configuration: Configuration
    runner: Runner
    log: Logger
    hide: Callable[[str], None]


STATUS_FILE_SECONDS = 0.3  # for files that variables name: status has two seconds for everything
Work = Callable[[Tools], int | None]
Relay = Callable[[BaseSettings], Tee | None]


def run(  # noqa: PLR0913 - each verb has a few of these
    process: str,
    work: Work,
    *,
    is_boot: bool = False,
    level: str = "debug",
    relay: Relay | None = None,
    show: Callable[[bytes], None] | None = None,
    for_people: bool = False,
    file_seconds: float | None = None,
) -> int:
    """Read the environment, run `work` with what it needs, and return the exit code.

    An error is logged, and for a part of the boot (`is_boot`) it is also the container's termination message; one of a
    verb `for_people` is no line of a log. With `relay` each line of the log also goes to what that makes of the
    settings; with `show` it goes to that, and not to stderr. Lines below `level` are left out. The files that
    variables name have `file_seconds`; None: as long as `files.read` takes.
    """
    stdio.fill()
    prctl.hide_memory()
    environment = Environment(os.environ)
    environment.read_files(file_seconds)
    configuration = Configuration(environment)
    base, hidden = configuration.base, configuration.secrets()
    tee = (relay or (_keep_lines if is_boot else lambda _: None))(base)
    logger = structured_log.logger(process, hidden, base.log_format, level=level, tee=tee, show=show)
    tools = Tools(configuration, Runner(environment.public, logger), logger, _hider(hidden, environment.learnt))
    try:
        return work(tools) or ExitCode.DONE
    except Exception as error:  # noqa: BLE001 - the door: whatever it is, it is told without secrets
        code, message = _told(error, process, base.value_names)
    if for_people:
        print(f"octo-node: {redact.mask(message, hidden)}", file=sys.stderr)  # noqa: T201 - as in the light half
        return code
    for line in message.splitlines():  # a command's last lines are lines of the log, too
        logger.error(line)
    if is_boot:
        _leave(base, redact.mask(message, hidden))
    return code


def _hider(hidden: list[str], learnt: int | None) -> Callable[[str], None]:
    def hide(secret: str) -> None:
        hidden.extend(redact.forms([secret]))
        secrets_memfd.learn(secret, learnt)

    return hide


def _keep_lines(base: BaseSettings) -> Tee:
    """Return what keeps a line in the run folder."""
    folder = state_reader.find_folder(base.run_dir)
    return lambda line: kept_log.append(folder, line)


def _leave(base: BaseSettings, reason: str) -> None:
    """Leave the reason of an end for others."""
    end_reason.tell(state_reader.find_folder(base.run_dir), base.termination_log, reason)


def _told(error: Exception, process: str, value_names: str) -> tuple[ExitCode, str]:
    """Return the exit code and the message for `error`, which ends with where more is said."""
    code, text = _cause(error, process, value_names)
    return code, f"{text.rstrip()}\n{errors.pointer(code)}".rstrip()


def _cause(error: Exception, process: str, value_names: str) -> tuple[ExitCode, str]:
    """Return the exit code for `error`, and what is wrong."""
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

    return run("settle", lambda tools: settle(tools.configuration.settings(), tools.runner, tools.log), is_boot=True)


def _observe(_arguments: Sequence[str]) -> int:
    from entrypoint.node.observer import observe  # noqa: PLC0415 - imported only for its verb

    return run("observe", lambda tools: observe(tools.configuration))


def _drain(arguments: Sequence[str]) -> int:
    from entrypoint.node.container_log import relay  # noqa: PLC0415 - imported only for its verb
    from entrypoint.node.drain import Options, drain  # noqa: PLC0415 - as above

    parser = _parser("drain", "Take no new tasks, and wait for those that run.")
    parser.add_argument("--wait", type=_seconds, metavar="SECONDS", default=600.0, help="for running tasks (600)")
    parser.add_argument("--cancel-tasks", action="store_true", help="cancel what still runs after that")
    parser.add_argument("--cancel-wait", type=_seconds, metavar="SECONDS", default=60.0, help="for the cancelled (60)")
    given = parser.parse_args(arguments)
    options = Options(wait=given.wait, cancel_tasks=given.cancel_tasks, cancel_wait=given.cancel_wait)
    with _drain_view() as view:

        def work(tools: Tools) -> None:
            drain(tools.configuration, tools.runner, tools.log, options, view)

        return run("drain", work, relay=relay, show=None if view is None else view.line)


def _drain_view() -> "AbstractContextManager[DrainView | None]":
    """Return what shows the tasks on a terminal, if there is one: a stop's drain doesn't wait for rich."""
    if not os.isatty(2):
        return contextlib.nullcontext()
    from entrypoint.node import drain_view  # noqa: PLC0415 - imported only for a terminal

    return drain_view.on_terminal()


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
    parser.add_argument("--json", action="store_true", help="as JSON, all there is (docs/status.md)")
    parser.add_argument("--watch", action="store_true", help="again and again, until Ctrl-C")
    parser.add_argument(
        "--timeout", type=_seconds, metavar="SECONDS", help="for what is asked; else it is all over after 2 s"
    )
    given = parser.parse_args(arguments)

    def work(tools: Tools) -> int:
        return status(tools.configuration, as_json=given.json, watch=given.watch, seconds=given.timeout)

    return run("status", work, for_people=True, file_seconds=given.timeout or STATUS_FILE_SECONDS)


def _nodes(arguments: Sequence[str]) -> int:
    from entrypoint.node import nodes  # noqa: PLC0415 - imported only for its verb

    parser = _parser("nodes", "The nodes of the cluster, as the database knows them.")
    parser.add_argument("--json", action="store_true", help="as JSON")
    verbs = parser.add_subparsers(dest="verb", title="verbs", metavar="")
    remove = verbs.add_parser("remove", help="take the row of a node away that is gone for good", allow_abbrev=False)
    remove.add_argument("name", metavar="NAME", help="of the node")
    remove.add_argument("--force", action="store_true", help="even if it seems to be alive")
    given = parser.parse_args(arguments)

    def work(tools: Tools) -> None:
        settings = tools.configuration.settings()
        if given.verb == "remove":
            nodes.remove(settings, given.name, tools.log, force=given.force)
        else:
            nodes.show(settings, as_json=given.json)

    return run("nodes", work, for_people=True)


def _server(arguments: Sequence[str]) -> int:
    from entrypoint.node import server_command  # noqa: PLC0415 - imported only for its verb

    parser = _parser("server", "Run a command of Octopus.Server, for this instance; secrets are masked in its output.")
    parser.add_argument("--unmasked", action="store_true", help="show what it prints as it is")
    parser.add_argument(
        "command", metavar="VERB [OPTION...]", nargs=argparse.REMAINDER, help="as Octopus.Server has it"
    )
    given = parser.parse_args(arguments)

    def work(tools: Tools) -> int:
        paths, secrets = tools.configuration.base.paths, tools.configuration.secrets()
        return server_command.run(paths, tools.runner, given.command, secrets, masked=not given.unmasked)

    return run("server", work, for_people=True)


def _configure(arguments: Sequence[str]) -> int:
    from entrypoint.prepare.foreground import configure  # noqa: PLC0415 - imported only for its verb

    _parser("configure", "Check and configure the node, as a start does, without starting Octopus.Server.").parse_args(
        arguments
    )
    return run("configure", lambda tools: configure(tools.configuration, tools.runner, tools.log, tools.hide))


def _check(arguments: Sequence[str]) -> int:
    from entrypoint.check.check import check  # noqa: PLC0415 - imported only for its verb

    parser = _parser("check", "Everything that can be known about a start here; nothing is started or changed.")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.add_argument("--commands", action="store_true", help="also what prepare would run, without secrets")
    given = parser.parse_args(arguments)

    def work(tools: Tools) -> ExitCode:
        return check(tools.configuration, tools.runner, tools.log, as_json=given.json, with_commands=given.commands)

    return run("check", work, level="warning", for_people=True)  # what is found goes to stdout


def _diagnose(arguments: Sequence[str]) -> int:
    from entrypoint.diagnose.archive import diagnose  # noqa: PLC0415 - imported only for its verb

    parser = _parser("diagnose", "All that somebody needs who wants to help, in one archive without secrets.")
    parser.add_argument("--output", metavar="FILE", default="", help="the archive, `-` for stdout")
    output = parser.parse_args(arguments).output
    return run("diagnose", lambda tools: diagnose(tools.configuration, output, tools.log), for_people=True)


VERBS: dict[str, Callable[[Sequence[str]], int]] = {
    "preflight": _preflight,
    "prepare": _prepare,
    "settle": _settle,
    "observe": _observe,
    "drain": _drain,
    "undrain": _undrain,
    "status": _status,
    "check": _check,
    "nodes": _nodes,
    "server": _server,
    "configure": _configure,
    "diagnose": _diagnose,
}


def _parser(verb: str, description: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(f"octo-node {verb}", description=description, allow_abbrev=False)


def _seconds(text: str) -> float:
    if not re.fullmatch(r"\d{1,7}(\.\d+)?", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} isn't a number of seconds, such as 60")
    return float(text)
