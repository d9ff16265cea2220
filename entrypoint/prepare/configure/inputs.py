"""The inputs of the configure commands: settings, master key, administrator."""

import dataclasses

from entrypoint.octopus import version
from entrypoint.octopus.commandline import Inputs
from entrypoint.prepare.context import Context
from entrypoint.prepare.situation import Situation, place

from . import master_key


# the official image's, for a new database that nobody set an administrator for
DEFAULT_PASSWORD = "Passw0rd123"  # noqa: S105 - it is public


def find_master_key(context: Context, found: Situation) -> str | None:
    """Return the master key for the commands; None if the instance in this container has it already.

    A new database gets a new one if there is none: call it under the lock. Raise NodeError (11, 18).
    """
    if found.validated:
        return context.settings.master_key
    key = master_key.find(
        context.settings.base.paths,
        context.settings.master_key,
        has_schema=not found.is_new,
        # an instance that was made for another database has another key
        ask_instance=lambda: (
            context.instance.master_key()
            if context.applied.may_be_of(place(context.settings.db_connection_string))
            else None
        ),
        version=context.version,
        log=context.log,
    )
    context.hide(key)
    return key


def make(context: Context, found: Situation, key: str | None) -> Inputs:
    """Return the inputs; a database whose setup was interrupted may get the default administrator."""
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
        left_out=version.left_out(context.applied, context.version),
    )


def warn_of_default(context: Context) -> None:
    """Say so if the administrator that is made is the default one."""
    if not (context.settings.admin_password or context.settings.admin_api_key):
        context.log.warning(
            f"No administrator is set, so the new database gets {context.settings.admin_username} with the password "
            "of the official image's documentation: change it at once, and set ADMIN_PASSWORD next time."
        )
