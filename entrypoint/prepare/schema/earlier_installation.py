"""Files of an earlier installation: a misspelt or lost database must not become a new, empty Octopus beside them."""

import os
from collections import deque

from entrypoint.base import forked
from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode
from entrypoint.octopus.commandline import FOLDERS
from entrypoint.prepare.context import Context
from entrypoint.prepare.situation import named, place


SECONDS = 10.0
MOST = 2000  # entries that are looked at in each folder
_OF_A_NODE = {"--cacheDirectory"}  # may be deleted at any time
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


def find(context: Context) -> NodeError | None:
    """Return why no new database is created: the shared folders hold files, and none was asked for explicitly."""
    if context.settings.octo_node_new_database:
        return None
    folders = [context.settings.base.paths.under_root(path) for name, path in FOLDERS.items() if name not in _OF_A_NODE]
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
    """Return the path below `folder` of a file that counts; nothing if there is none among the first MOST entries."""
    left, seen = deque([folder]), 0
    while left:
        try:
            with os.scandir(left.popleft()) as entries:
                for entry in entries:
                    seen += 1
                    if seen > MOST:
                        return b""
                    if entry.name.startswith(".") or entry.name in _NOBODYS:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        left.append(entry.path)
                    else:
                        return os.fsencode(os.path.relpath(entry.path, folder))
        except OSError:
            continue  # preflight says which folders can't be used
    return b""
