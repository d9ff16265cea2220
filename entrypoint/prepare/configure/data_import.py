"""Imports the export in /import into a database that was just created."""

from collections.abc import Callable
from pathlib import Path

from entrypoint.prepare.context import Context


DEFAULT_PASSWORD = "blank"  # noqa: S105 - what the official image passes when IMPORT_PASSWORD isn't set
_NOTE = "import"
_DUE, _DONE = "due", "done"


def expect(context: Context) -> None:
    """Note that the new database gets an import, so that a start cut off in between makes up for it."""
    if _is_there(context):
        context.applied.put(_NOTE, _DUE)


def is_ignored(context: Context) -> bool:
    """Return whether there is an export that this container neither imported nor will."""
    return _is_there(context) and context.applied.get(_NOTE) not in {_DUE, _DONE}


def _is_there(context: Context) -> bool:
    return Path(context.settings.base.paths.import_folder, "metadata.json").is_file()


def run_if_due(context: Context, tick: Callable[[], None]) -> None:
    """Run Octopus.Migrator if an import was noted, `tick` called meanwhile. Raise NodeError (16) if it fails."""
    if context.applied.get(_NOTE) != _DUE:
        return
    password, skip = context.settings.import_password, context.settings.skip_import_version_check
    context.progress.doing("importing what is in /import")
    with context.progress.step("import"):
        context.instance.run_import(password or DEFAULT_PASSWORD, skip_version_check=skip, tick=tick)
    context.applied.put(_NOTE, _DONE)
