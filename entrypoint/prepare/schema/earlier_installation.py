"""Files of an earlier installation: a misspelt or lost database must not become a new, empty Octopus beside them."""

import os

from entrypoint.base import forked
from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode
from entrypoint.octopus.commandline import shared_folders
from entrypoint.prepare.context import Context
from entrypoint.prepare.situation import Situation, named, place


SECONDS = 10.0
MOST = 2000  # entries that are looked at in each folder; more than that nobody has who begins
_NOBODYS = {"lost+found"}  # and what is hidden: our own trials, .snapshot, .nfs0001
_MAKING = "making"  # in the applied state, from when this container begins to make a database


def begin(context: Context) -> None:
    """Note that this container makes the database, which is new. Raise NodeError (11, 18) if it isn't meant to.

    An export in /import makes no difference: it may have been left there since the first start.
    """
    if not is_being_made(context):
        problem = find(context)
        if problem is not None:
            raise problem
        context.applied.put(_MAKING, place(context.settings.db_connection_string))


def is_being_made(context: Context) -> bool:
    """Return whether this container had begun to make the database, and was cut off."""
    return context.applied.get(_MAKING) == place(context.settings.db_connection_string)


def end(context: Context) -> None:
    """Note that the database is made: one that isn't there any more is lost from now on."""
    if context.applied.get(_MAKING) is not None:
        context.applied.put(_MAKING, None)


def reminder(context: Context, found: Situation) -> str | None:
    """Return a sentence for who left OCTO_NODE_NEW_DATABASE set, although a database is there; None for others."""
    if found.is_new or not context.settings.octo_node_new_database:
        return None
    return (
        "OCTO_NODE_NEW_DATABASE=Y is still set, and with it a database that is lost or misspelt one day becomes a new, "
        "empty one: unset it."
    )


def find(context: Context) -> NodeError | None:
    """Return why no new database is created: the shared folders hold files, and none was asked for explicitly."""
    if context.settings.octo_node_new_database:
        return None
    folders = shared_folders(context.settings.base.paths)
    answers = forked.run(first_file, folders, SECONDS)
    silent = [folder for folder, answer in answers.items() if answer is None]
    if silent:
        return NodeError(
            ExitCode.NOT_WRITABLE,
            f"{', '.join(silent)} gave no answer within {SECONDS:g} s (a file server that hangs?), so it isn't known "
            "whether there are files of an earlier installation. Nothing was changed.",
        )
    files = [f"{folder} has {answer.decode(errors='replace')}" for folder, answer in answers.items() if answer]
    return _refusal(context, files) if files else None


def _refusal(context: Context, files: list[str]) -> NodeError:
    return NodeError(
        ExitCode.SETTINGS,
        f"{named(context.settings.db_connection_string)} isn't there or is empty, but there are files of an earlier "
        f"installation: {', '.join(files)}. Correct Database= in DB_CONNECTION_STRING, or restore the database. If a "
        "new one is meant, empty those folders, or set OCTO_NODE_NEW_DATABASE=Y. Nothing was changed.",
    )


def first_file(folder: str) -> bytes:
    """Return what in `folder` tells of an earlier installation, nothing if nothing does.

    That is the path of a file, or a folder that can't be looked into, or that there are more than MOST entries.
    """
    left, seen = [folder], 0
    while left:
        inner = left.pop()
        try:
            with os.scandir(inner) as entries:
                for entry in entries:
                    seen += 1
                    if seen > MOST:
                        return f"more than {MOST} entries".encode()
                    if entry.name.startswith(".") or entry.name in _NOBODYS:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        left.append(entry.path)
                    else:
                        return os.fsencode(os.path.relpath(entry.path, folder))
        except OSError as error:
            if inner != folder:  # preflight says what is wrong with that
                return os.fsencode(f"{os.path.relpath(inner, folder)}, which can't be looked into ({error.strerror})")
    return b""
