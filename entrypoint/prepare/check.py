"""Check: what preflight says, whether SQL Server takes the login, and what prepare would run. Nothing is changed."""

import json
import shlex
from collections.abc import Iterator, Mapping

import pyodbc

from entrypoint import mask, origins, settings
from entrypoint.errors import NodeError
from entrypoint.exitcodes import ExitCode
from entrypoint.octopus import commandline, tables
from entrypoint.octopus.memory import Memory
from entrypoint.octopus.tables import EMPTY
from entrypoint.sqlserver import odbc, wait
from entrypoint.sqlserver.connect import describe
from entrypoint.sqlserver.wait import Ready
from entrypoint.structured import Logger

from . import instance, plan, preflight, situation
from .context import Context
from .plan import Situation
from .progress import Progress


def check(environ: Mapping[str, str], log: Logger, *, as_json: bool, with_commands: bool) -> ExitCode:
    """Print problems, warnings and, if asked for, the commands; return the code that a start would end with."""
    found = preflight.problems(environ, untouched=True)
    warnings = preflight.warnings(environ)
    commands: list[str] = []
    if not found:
        ready, found = _log_in(environ, log)
        warnings += () if ready is None else _warnings(ready)
        commands += _commands(environ, log, ready) if with_commands else ()
    code = min((code for code, _ in found), default=ExitCode.DONE)
    found = [(code, origins.told(sentence, environ)) for code, sentence in found]
    warnings = [origins.told(sentence, environ) for sentence in warnings]
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
        print("Preflight finds nothing wrong.")
    return code


def _log_in(environ: Mapping[str, str], log: Logger) -> tuple[Ready | None, list[tuple[ExitCode, str]]]:
    """Return SQL Server, None if it takes no login, and what is wrong with that."""
    try:
        return wait.try_once(settings.parse(environ).db_connection_string, log), []
    except NodeError as error:
        return None, [(error.code, sentence) for sentence in error.sentences]


def _warnings(ready: Ready) -> tuple[str, ...]:
    """Return what our connection to SQL Server is less than the server's own."""
    return odbc.translate(ready.connection_string, odbc.installed_driver()).warnings


def _commands(environ: Mapping[str, str], log: Logger, ready: Ready | None) -> Iterator[str]:
    """Yield the command lines that prepare would run now, without secrets."""
    options, memory = settings.parse(environ), Memory(environ)
    context = Context(
        environ=environ,
        settings=options,
        version=instance.version_of_server(environ, memory, log, remember=False),
        memory=memory,
        progress=Progress({}),
        log=log,
        hide=lambda _: None,
        deadline=0.0,
    )
    found = _look(context, ready)
    for command in plan.commands(situation.inputs(context, found, key=mask.MASK), found, memory):
        if command.run:
            yield shlex.join(commandline.masked(commandline.server(environ, command.verb, *command.options)))


def _look(context: Context, ready: Ready | None) -> Situation:
    connection = None if ready is None else ready.connection
    if connection is None:
        if ready is None:
            context.log.warning("The database can't be asked: these are the commands for a new one.")
        return situation.find(None, EMPTY, context)
    try:
        return situation.find(connection, tables.look(connection), context)
    except pyodbc.Error as error:
        context.log.warning(
            "The database can't be asked: these are the commands for a new one.",
            reason=describe(error, context.settings.db_connection_string.password),
        )
        return situation.find(None, EMPTY, context)
