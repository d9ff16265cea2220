"""Databases that this node must not touch."""

from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode
from entrypoint.octopus import version
from entrypoint.octopus.tables import Installed
from entrypoint.prepare.context import Context
from entrypoint.prepare.situation import named

from . import earlier_installation


def check(installed: Installed, context: Context) -> None:
    """Raise NodeError if the database is another application's (11), or of a newer release than this server (14)."""
    database, own = named(context.settings.db_connection_string), context.version
    if installed.is_foreign and not earlier_installation.is_being_made(context):
        raise NodeError(
            ExitCode.SETTINGS,
            f"{database} has tables, but not Octopus's: it is another "
            "application's. Name an empty or a new database in DB_CONNECTION_STRING. Nothing was changed.",
        )
    if version.is_too_new(installed.newest, own):
        raise NodeError(
            ExitCode.NEWER_DATABASE,
            f"{database} is of version {installed.newest}, newer than this "
            f"server, {own}: start version {installed.newest} or later, or restore a backup made before the upgrade. "
            "Nothing was changed.",
        )


def check_skipped(context: Context) -> None:
    """Raise NodeError (11) if the schema has to be changed, but mayn't be: the server would do it without the lock."""
    if "database" in (context.settings.octo_node_skip_commands or ()):
        raise NodeError(
            ExitCode.SETTINGS,
            f"The database has no schema of version {context.version} yet, and OCTO_NODE_SKIP_COMMANDS leaves out "
            "`database`, which would make it: take it out there. Nothing was changed.",
        )
