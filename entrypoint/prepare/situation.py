"""What was found, in the words that the plan decides by; and what its commands are made of."""

import dataclasses
from collections.abc import Mapping

import pyodbc

from entrypoint import variables
from entrypoint.octopus import tables, version
from entrypoint.octopus.commandline import Inputs
from entrypoint.octopus.memory import Memory
from entrypoint.octopus.tables import Installed
from entrypoint.settings import Settings
from entrypoint.sqlserver.connection_string import ConnectionString
from entrypoint.structured import Logger

from . import instance, masterkey
from .plan import Situation


# the official image's, for a new database that nobody set an administrator for
DEFAULT_PASSWORD = "Passw0rd123"  # noqa: S105 - it is public


def identity(installed: Installed, where: ConnectionString) -> dict[str, str] | None:
    """Return what tells a database from any other, one made later under the same name included; None for none."""
    if installed.created is None:
        return None
    return {"server": where.address, "name": where.database, "created": str(installed.created)}


def find(
    connection: pyodbc.Connection | None, installed: Installed, own: str, settings: Settings, memory: Memory
) -> Situation:
    """Return the situation in which this server, of version `own`, finds the database."""
    has_users = has_admin = None
    if connection is not None and installed.has_schema:
        has_users = tables.has_any_user(connection)
        has_admin = tables.has_user(connection, settings.admin_username)
    mine = version.parse(own)
    older = installed.newest is None or (mine is not None and installed.newest < mine)
    return Situation(
        is_new=not installed.has_schema,
        is_finished=installed.has_schema and has_users is not False,
        is_older=installed.has_schema and older,
        has_admin=bool(has_admin),
        believed=memory.believe(identity(installed, settings.db_connection_string)),
        everything=settings.octo_node_apply == "all",
        version=own,
    )


def master_key(environ: Mapping[str, str], settings: Settings, found: Situation, log: Logger) -> str | None:
    """Return the master key for the commands; None if the instance in this container has it already."""
    if found.believed:
        return settings.master_key
    return masterkey.find(
        environ,
        settings.master_key,
        has_schema=not found.is_new,
        ask_instance=lambda: instance.master_key(environ, log),
        log=log,
    )


def inputs(environ: Mapping[str, str], settings: Settings, found: Situation, *, key: str | None, log: Logger) -> Inputs:
    """Return what the commands are made of; a database that nobody finished may get the default administrator."""
    settings, with_admin = _administrator(settings, found, log)
    return Inputs(
        environ=environ,
        settings=settings,
        connection_string=variables.value_or_default("DB_CONNECTION_STRING", environ),
        master_key=key,
        with_admin=with_admin,
    )


def _administrator(settings: Settings, found: Situation, log: Logger) -> tuple[Settings, bool]:
    """Return the settings with the administrator to make, and whether there is one."""
    if settings.admin_password or settings.admin_api_key:
        return settings, True
    if found.is_finished or settings.has_external_admin:
        return settings, False
    log.warning(
        f"No administrator is set, so the new database gets {settings.admin_username} with the password that the "
        "official image's documentation names: change it at once, or set ADMIN_PASSWORD."
    )
    return dataclasses.replace(settings, admin_password=DEFAULT_PASSWORD), True
