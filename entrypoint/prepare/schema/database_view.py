"""The database as the current attempt sees it."""

import dataclasses

import pyodbc

from entrypoint.base.errors import NodeError
from entrypoint.octopus import commandline, node_table, tables, version_history
from entrypoint.octopus.tables import EMPTY, Installed
from entrypoint.prepare import situation
from entrypoint.prepare.context import Context, wait_for_sql
from entrypoint.prepare.situation import Situation
from entrypoint.sqlserver.connect import ConnectError, connect
from entrypoint.sqlserver.wait import Ready

from . import assess, live_nodes, schema_lock
from .schema_lock import LostError


LOCKED = "(1222)"  # SQL Server's error for a table that somebody else has locked, as drivers write it


def is_locked(error: Exception) -> bool:
    """Return whether a query failed because a table is locked, as during a migration."""
    return LOCKED in str(error)


class DatabaseView:
    """What is in the database; `ready` has the connection to it, if it exists."""

    def __init__(self, context: Context, ready: Ready) -> None:
        self.context = context
        self.ready = ready
        self._watch = node_table.HeartbeatWatch()
        patience = context.settings.octo_node_upgrade_wait * live_nodes.UNSURE_SHARE
        folders = commandline.shared_folders(context.settings.base.paths)
        self._builds = live_nodes.Builds(
            context.version, patience, context.log.warning, lambda: live_nodes.marked(folders)
        )
        self._told = False
        self._validated: bool | None = None  # whether the applied state was, at the first look

    def installed(self) -> Installed:
        """Return what is in the database; as long as there is none, look for it again."""
        context = self.context
        if self.ready.connection is None:
            self.ready = wait_for_sql(context.settings, context.progress, context.log)
        return EMPTY if self.ready.connection is None else tables.look(self.ready.connection)

    def situation(self, installed: Installed) -> Situation:
        """Return the situation in which we find what is `installed`."""
        found = assess.find(self.ready.connection, installed, self.context)
        if self._validated is None:
            self._validated = found.validated
        if (found.is_older or not found.validated) and not self._told:
            self._told = True
            assess.warn_of_going_back(installed, self.context)
        # what this attempt itself remembers meanwhile doesn't make the applied state valid
        return dataclasses.replace(found, validated=self._validated)

    def others_alive(self) -> tuple[list[str], float]:
        """Return the live nodes of another version, and how many seconds it takes to be sure of the rest."""
        connection = self.ready.connection
        if connection is None:
            return [], 0.0
        alive, unsure = self._watch.alive(node_table.others(connection, self.context.settings.octopus_server_node_name))
        return (self._builds.of_another(alive, version_history.read(connection)) if alive else []), unsure

    def identity(self) -> dict[str, str] | None:
        """Return what tells the database from any other; None while there is none."""
        created = None if self.ready.connection is None else tables.created(self.ready.connection)
        return situation.identity(created, self.context.settings.db_connection_string)

    def open_new(self) -> Installed:
        """Connect to a database that was just made, and return what is in it."""
        if self.ready.connection is None:
            connection = connect(self.context.settings.db_connection_string)
            self.ready = dataclasses.replace(self.ready, connection=connection)
        return self.installed()

    def note_history(self) -> None:
        """Note what the database tells as this server takes it over, so that its restart needn't agree with others."""
        assess.note_history(self.ready.connection, self.context)

    def touch(self) -> None:
        """Raise pyodbc.Error if SQL Server is lost."""
        if self.ready.connection is not None:
            self.ready.connection.execute("SELECT 1")

    def failed(self, error: ConnectError | pyodbc.Error) -> NodeError:
        """Return what it means that a question failed with `error`: a LostError if it can be asked again."""
        if is_locked(error):
            return LostError("its tables are locked, probably by another node that upgrades the schema")
        return schema_lock.failed(error, self.context.settings.db_connection_string.password)
