"""What was found, in the words that the plan decides by; and what its commands are made of."""

import dataclasses
import datetime

from entrypoint.octopus import history, tables, version
from entrypoint.octopus.commandline import Inputs
from entrypoint.octopus.history import History
from entrypoint.octopus.tables import Installed
from entrypoint.sqlserver.connect import Connection
from entrypoint.sqlserver.connection_string import ConnectionString

from . import masterkey
from .context import Context
from .plan import Situation


_MARK = "history"  # in the memory
# the official image's, for a new database that nobody set an administrator for
DEFAULT_PASSWORD = "Passw0rd123"  # noqa: S105 - it is public


def identity(created: datetime.datetime | None, where: ConnectionString) -> dict[str, str] | None:
    """Return what tells a database from any other, one made later under the same name included; None for none."""
    if created is None:
        return None
    return {"server": where.address, "name": where.database, "created": str(created)}


def place(context: Context) -> dict[str, str]:
    """Return where the database is, whether it is there or not."""
    where = context.settings.db_connection_string
    return {"server": where.address, "name": where.database}


def find(connection: Connection | None, installed: Installed, context: Context) -> Situation:
    """Return the situation in which this server finds the database."""
    has_users = has_admin = None
    noted = History()
    if connection is not None and installed.has_schema:
        has_users = tables.has_any_user(connection)
        has_admin = tables.has_user(connection, context.settings.admin_username)
        noted = history.read(connection)
    believed = context.memory.believe(identity(installed.created, context.settings.db_connection_string))
    return Situation(
        is_new=not installed.has_schema,
        is_finished=installed.has_schema and has_users is not False,
        is_older=installed.has_schema and _is_anothers(noted, context, believed=believed),
        has_admin=bool(has_admin),
        believed=believed,
        everything=context.settings.octo_node_apply == "all",
        version=context.version.text,
    )


def _is_anothers(noted: History, context: Context, *, believed: bool) -> bool:
    """Return whether this server isn't the one that used the database last: it is older, or of another build.

    Of the builds of one release the highest stays noted for ever, once it has run; what was noted last tells who
    runs now. This server's own word that the database is its counts until something else is noted.
    """
    own, mine = context.version, believed and version.is_of_schema(context.memory, context.version)
    if noted.highest is None:
        return not mine
    if noted.highest < own:
        return True
    return noted.last != own and not (mine and context.memory.get(_MARK) == noted.mark)


def note_history(connection: Connection | None, context: Context) -> None:
    """Note what was noted last as this server takes the database over: it may never note itself (see `history`)."""
    if connection is not None:
        context.memory.put(_MARK, history.read(connection).mark)


def master_key(context: Context, found: Situation) -> str | None:
    """Return the master key for the commands; None if the instance in this container has it already.

    A new database gets a new one if there is none: call it under the lock. Raise NodeError (11, 18).
    """
    if found.believed:
        return context.settings.master_key
    key = masterkey.find(
        context.settings.base.paths,
        context.settings.master_key,
        has_schema=not found.is_new,
        # an instance that was made for another database has another key
        ask_instance=lambda: context.instance.master_key() if context.memory.may_be_of(place(context)) else None,
        version=context.version,
        log=context.log,
    )
    context.hide(key)
    return key


def inputs(context: Context, found: Situation, key: str | None) -> Inputs:
    """Return what the commands are made of; a database that nobody finished may get the default administrator."""
    settings = context.settings
    given = bool(settings.admin_password or settings.admin_api_key)
    default = not (given or found.is_finished or settings.has_external_admin)
    if default:
        settings = dataclasses.replace(settings, admin_password=DEFAULT_PASSWORD)
    return Inputs(
        settings=settings,
        connection_string=settings.db_connection_string.text,
        master_key=key,
        version=context.version,
        with_admin=given or default,
        is_finished=found.is_finished,
        left_out=version.left_out(context.memory, context.version),
    )


def warn_of_default(context: Context) -> None:
    """Say so if the administrator that is made is the default one."""
    if not (context.settings.admin_password or context.settings.admin_api_key):
        context.log.warning(
            f"No administrator is set, so the new database gets {context.settings.admin_username} with the password "
            "of the official image's documentation: change it at once, and set ADMIN_PASSWORD next time."
        )


def warn_of_going_back(installed: Installed, context: Context) -> None:
    """Say so if a newer build of this server's release has run on the database."""
    if installed.newest is not None and installed.newest > context.version:
        context.log.warning(
            f"Version {installed.newest} has run on this database, a newer build of the same release as this server, "
            f"{context.version}. Going back within a release is allowed; if the newer build changed the schema, the "
            "server itself refuses it."
        )
