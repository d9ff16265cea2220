"""Assesses the situation of the database for this server."""

from entrypoint.octopus import tables, version, version_history
from entrypoint.octopus.tables import Installed
from entrypoint.octopus.version_history import History
from entrypoint.prepare.context import Context
from entrypoint.prepare.situation import Situation, identity
from entrypoint.sqlserver.connect import Connection


_MARK = "history"  # in the applied state


def find(connection: Connection | None, installed: Installed, context: Context) -> Situation:
    """Return the situation in which this server finds the database."""
    has_users = has_admin = None
    noted = History()
    if connection is not None and installed.has_schema:
        has_users = tables.has_any_user(connection)
        has_admin = tables.has_user(connection, context.settings.admin_username)
        noted = version_history.read(connection)
    validated = context.applied.validate(identity(installed.created, context.settings.db_connection_string))
    return Situation(
        is_new=not installed.has_schema,
        is_finished=installed.has_schema and has_users is not False,
        is_older=installed.has_schema and _is_anothers(noted, context, validated=validated),
        has_admin=bool(has_admin),
        validated=validated,
        everything=context.settings.octo_node_apply == "all",
        version=context.version.text,
    )


def _is_anothers(noted: History, context: Context, *, validated: bool) -> bool:
    """Return whether the database was last used by another version: an older one, or another build.

    Of the builds of one release the highest stays noted for ever, once it has run; what was noted last tells who
    runs now. What this server itself noted counts until something else is noted.
    """
    own, mine = context.version, validated and version.is_of_schema(context.applied, context.version)
    if noted.highest is None:
        return not mine
    if noted.highest < own:
        return True
    return noted.last != own and not (mine and context.applied.get(_MARK) == noted.mark)


def note_history(connection: Connection | None, context: Context) -> None:
    """Note what was noted last as this server takes the database over: it may never note itself (see `history`)."""
    if connection is not None:
        context.applied.put(_MARK, version_history.read(connection).mark)


def warn_of_going_back(installed: Installed, context: Context) -> None:
    """Say so if a newer build of this server's release has run on the database."""
    if installed.newest is not None and installed.newest > context.version:
        context.log.warning(
            f"Version {installed.newest} has run on this database, a newer build of the same release as this server, "
            f"{context.version}. Going back within a release is allowed; if the newer build changed the schema, the "
            "server itself refuses it."
        )
