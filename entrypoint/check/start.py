"""What a start would make of the database: whether it may use it, whom it would wait for, what it would run."""

import shlex
from collections.abc import Iterator

from entrypoint.base import redact
from entrypoint.base.errors import NodeError
from entrypoint.octopus import commandline, tables
from entrypoint.octopus.applied_state import AppliedState
from entrypoint.octopus.command_runner import Runner
from entrypoint.octopus.instance import Instance
from entrypoint.octopus.tables import EMPTY
from entrypoint.prepare.configure import inputs, master_key, plan
from entrypoint.prepare.context import Context
from entrypoint.prepare.progress import Progress
from entrypoint.prepare.schema import assess, earlier_installation, refusals
from entrypoint.prepare.schema.database_view import DatabaseView
from entrypoint.prepare.situation import Situation
from entrypoint.settings.configuration import Settings
from entrypoint.sqlserver.connect import Connection
from entrypoint.sqlserver.wait import Ready
from entrypoint.structured_log import Logger

from .findings import Finding, of_error, passed, warned


def context(settings: Settings, runner: Runner, log: Logger) -> Context:
    """Return what prepare would work with, writing nothing down. Raise NodeError (16) if the server can't be run."""
    applied = AppliedState(settings.base.paths)
    instance = Instance(settings.base.paths, runner)
    return Context(
        settings=settings,
        instance=instance,
        version=instance.version(applied, remember=False),
        applied=applied,
        progress=Progress(None),
        log=log,
        hide=lambda _: None,
        deadline=0.0,
    )


def situation(connection: Connection | None, context: Context) -> Situation:
    """Return the situation that a start would find; that of a new database where there is no `connection`."""
    return assess.find(connection, EMPTY if connection is None else tables.look(connection), context)


def look(ready: Ready, found: Situation, context: Context) -> Iterator[Finding]:
    """Say whether a start would use the database. Raise pyodbc.Error if SQL Server is lost."""
    yield passed("server version", f"Octopus.Server is version {context.version}.")
    problems = list(_refusals(ready, found, context))
    for error in problems:
        yield from of_error("database", error)
    reminder = earlier_installation.reminder(context, found)
    if reminder is not None:
        yield warned("database", reminder)
    if not problems:
        yield from _waits(ready, found, context)


def _refusals(ready: Ready, found: Situation, context: Context) -> Iterator[NodeError]:
    connection, settings = ready.connection, context.settings
    try:
        refusals.check(EMPTY if connection is None else tables.look(connection), context)
        if found.needs_schema:
            refusals.check_skipped(context)
    except NodeError as error:
        yield error
    if found.is_new and not earlier_installation.is_being_made(context):
        problem = earlier_installation.find(context)
        if problem is not None:
            yield problem
    missing = master_key.problem(settings.base.paths, settings.master_key, has_schema=not found.is_new)
    if missing is not None:
        yield missing


def _waits(ready: Ready, found: Situation, context: Context) -> Iterator[Finding]:
    what = "is new: a start makes it" if found.is_new else "has Octopus's schema"
    if not found.is_new and found.is_older:
        what = f"has a schema that a start brings to version {context.version}"
        others, _ = DatabaseView(context, ready).others_alive()
        if others:
            yield warned(
                "database",
                f"A start would wait for {', '.join(others)}, which may run another version, for up to "
                f"{context.settings.octo_node_upgrade_wait:g} s (OCTO_NODE_UPGRADE_WAIT): stop them first.",
            )
    yield passed("database", f"The database {context.settings.db_connection_string.database} {what}.")


def commands(found: Situation, context: Context) -> Iterator[str]:
    """Yield the command lines that prepare would run now, without secrets."""
    paths = context.settings.base.paths
    for command in plan.commands(inputs.make(context, found, key=redact.MASK), found, context.applied):
        if command.run:
            yield shlex.join(commandline.masked(commandline.server(paths, command.verb, *command.options)))
