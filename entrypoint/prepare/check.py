"""Check: preflight, a login to SQL Server, and the commands that prepare would run. Nothing is changed."""

import json
import shlex
from collections.abc import Iterator

import pyodbc

from entrypoint.base import redact
from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode
from entrypoint.octopus import commandline, tables
from entrypoint.octopus.applied_state import AppliedState
from entrypoint.octopus.command_runner import Runner
from entrypoint.octopus.instance import Instance
from entrypoint.octopus.tables import EMPTY
from entrypoint.prepare.configure import inputs, plan
from entrypoint.prepare.preflight import checks
from entrypoint.prepare.schema import assess
from entrypoint.settings import origins
from entrypoint.settings.configuration import Configuration, Settings
from entrypoint.sqlserver import odbc, wait
from entrypoint.sqlserver.connect import describe
from entrypoint.sqlserver.wait import Ready
from entrypoint.structured_log import Logger

from .context import Context
from .progress import Progress
from .situation import Situation


def check(configuration: Configuration, runner: Runner, log: Logger, *, as_json: bool, with_commands: bool) -> ExitCode:
    """Print problems, warnings and, if asked for, the commands; return the code that a start would end with.

    The server's version is asked by `runner`.
    """
    found = checks.problems(configuration, untouched=True)
    warnings = checks.warnings(configuration)
    commands: list[str] = []
    if not found:
        settings = configuration.settings()
        ready, found = _log_in(settings, log)
        warnings += () if ready is None else _warnings(ready)
        commands += _commands(settings, runner, log, ready) if with_commands else ()
    code = min((code for code, _ in found), default=ExitCode.DONE)
    found = [(code, origins.told(sentence, configuration.base.value_names)) for code, sentence in found]
    warnings = [origins.told(sentence, configuration.base.value_names) for sentence in warnings]
    if as_json:
        problems = [{"code": code, "problem": text} for code, text in found]
        print(json.dumps({"code": code, "problems": problems, "warnings": warnings, "commands": commands}, indent=2))
        return code
    for _, sentence in found:
        print(f"problem: {sentence}")
    for sentence in warnings:
        print(f"warning: {sentence}")
    print(*commands, sep="\n", end="\n" if commands else "")
    if not found:
        print("Preflight found no problems.")
    return code


def _log_in(settings: Settings, log: Logger) -> tuple[Ready | None, list[tuple[ExitCode, str]]]:
    """Return SQL Server, None if it takes no login, and what is wrong with that."""
    try:
        return wait.try_once(settings.db_connection_string, log), []
    except NodeError as error:
        return None, [(error.code, sentence) for sentence in error.sentences]


def _warnings(ready: Ready) -> tuple[str, ...]:
    """Return what our connection to SQL Server is less than the server's own."""
    return odbc.translate(ready.connection_string, odbc.installed_driver()).warnings


def _commands(settings: Settings, runner: Runner, log: Logger, ready: Ready | None) -> Iterator[str]:
    """Yield the command lines that prepare would run now, without secrets."""
    paths, applied = settings.base.paths, AppliedState(settings.base.paths)
    instance = Instance(paths, runner)
    context = Context(
        settings=settings,
        instance=instance,
        version=instance.version(applied, remember=False),
        applied=applied,
        progress=Progress(None),
        log=log,
        hide=lambda _: None,
        deadline=0.0,
    )
    found = _look(context, ready)
    for command in plan.commands(inputs.make(context, found, key=redact.MASK), found, applied):
        if command.run:
            yield shlex.join(commandline.masked(commandline.server(paths, command.verb, *command.options)))


def _look(context: Context, ready: Ready | None) -> Situation:
    connection = None if ready is None else ready.connection
    if connection is None:
        if ready is None:
            context.log.warning("The database can't be queried: these are the commands for a new one.")
        return assess.find(None, EMPTY, context)
    try:
        return assess.find(connection, tables.look(connection), context)
    except pyodbc.Error as error:
        context.log.warning(
            "The database can't be queried: these are the commands for a new one.",
            reason=describe(error, context.settings.db_connection_string.password),
        )
        return assess.find(None, EMPTY, context)
