"""Imports the export in /import into a database that was just created."""

import os
import stat
from collections.abc import Callable

from entrypoint.base import files, forked
from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode
from entrypoint.prepare.context import Context


DEFAULT_PASSWORD = "blank"  # noqa: S105 - what the official image passes when IMPORT_PASSWORD isn't set
_NOTE = "import"
_DUE, _DONE = "due", "done"
_THERE, _NOT_THERE = b"there", b"not there"


def expect(context: Context) -> None:
    """Note that the new database gets an import, so that a start cut off in between makes up for it.

    Raise NodeError (11) if whether there is one can't be told.
    """
    path = _path(context)
    found = forked.run(_look, [path], files.SECONDS)[path]
    if found not in {_THERE, _NOT_THERE}:
        said = f"gave no answer within {files.SECONDS:g} s" if found is None else f"can't be read: {found.decode()}"
        raise NodeError(
            ExitCode.SETTINGS,
            f"Whether there is an export to import isn't known: {path} {said}. Unmount {os.path.dirname(path)}, or let "
            f"user {os.getuid()} read it. No database was made.",
        )
    if found == _THERE:
        context.applied.put(_NOTE, _DUE)


def is_ignored(context: Context) -> bool:
    """Return whether there is an export that this container neither imported nor will, as far as that can be told."""
    if context.applied.get(_NOTE) in {_DUE, _DONE}:
        return False
    path = _path(context)
    return forked.run(_look, [path], files.SECONDS)[path] == _THERE


def _path(context: Context) -> str:
    return f"{context.settings.base.paths.import_folder}/metadata.json"


def _look(path: str) -> bytes:
    try:
        return _THERE if stat.S_ISREG(os.stat(path).st_mode) else _NOT_THERE
    except (FileNotFoundError, NotADirectoryError):
        return _NOT_THERE
    except OSError as error:
        return str(error.strerror).encode()


def run_if_due(context: Context, tick: Callable[[], None]) -> None:
    """Run Octopus.Migrator if an import was noted, `tick` called meanwhile. Raise NodeError (16) if it fails."""
    if context.applied.get(_NOTE) != _DUE:
        return
    password, skip = context.settings.import_password, context.settings.skip_import_version_check
    context.progress.doing("importing what is in /import")
    with context.progress.step("import"):
        context.instance.run_import(password or DEFAULT_PASSWORD, skip_version_check=skip, tick=tick)
    context.applied.put(_NOTE, _DONE)
