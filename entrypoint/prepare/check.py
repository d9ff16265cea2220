"""Check: what preflight says, and what prepare would run. Nothing is started or changed."""

import json
import shlex
from collections.abc import Iterator, Mapping

import pyodbc

from entrypoint import mask, settings
from entrypoint.errors import NodeError
from entrypoint.exitcodes import ExitCode
from entrypoint.octopus import commandline, tables
from entrypoint.octopus.memory import Memory
from entrypoint.octopus.tables import EMPTY
from entrypoint.sqlserver.connect import ConnectError, connect, describe
from entrypoint.structured import Logger

from . import instance, plan, preflight, situation
from .context import Context
from .plan import Situation
from .progress import Progress


LOGIN_SECONDS = 5


def check(environ: Mapping[str, str], log: Logger, *, as_json: bool, with_commands: bool) -> ExitCode:
    """Print problems, warnings and, if asked for, the commands; return the code that preflight would end with."""
    found = preflight.problems(environ)
    warnings = preflight.warnings(environ)
    commands = list(_commands(environ, log)) if with_commands and not found else []
    code = min((code for code, _ in found), default=ExitCode.DONE)
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


def _commands(environ: Mapping[str, str], log: Logger) -> Iterator[str]:
    """Yield the command lines that prepare would run now, without secrets."""
    options, memory = settings.parse(environ), Memory(environ)
    context = Context(
        environ=environ,
        settings=options,
        version=instance.version_of_server(environ, memory, log),
        memory=memory,
        progress=Progress({}),
        log=log,
        hide=lambda _: None,
        deadline=0.0,
    )
    found = _look(context)
    for command in plan.commands(situation.inputs(context, found, key=mask.MASK), found, memory):
        if command.run:
            yield shlex.join(commandline.masked(commandline.server(environ, command.verb, *command.options)))


def _look(context: Context) -> Situation:
    where = context.settings.db_connection_string
    try:
        connection = connect(where, login_timeout=LOGIN_SECONDS)
        return situation.find(connection, tables.look(connection), context)
    except (ConnectError, NodeError, pyodbc.Error) as error:
        context.log.warning(
            "The database can't be asked: these are the commands for a new one.",
            reason=describe(error, where.password),
        )
        return situation.find(None, EMPTY, context)
