"""An export in /import goes into a database that was just made."""

from collections.abc import Callable
from pathlib import Path

from entrypoint import paths, variables
from entrypoint.errors import NodeError
from entrypoint.exitcodes import ExitCode
from entrypoint.octopus import runner

from .context import Context


SECONDS = 7200.0
DEFAULT_PASSWORD = "blank"  # noqa: S105 - what the official image passes when IMPORT_PASSWORD isn't set
_NOTE = "import"
_DUE, _DONE = "due", "done"


def expect(context: Context) -> None:
    """Note that the new database gets an import, so that a start cut off in between makes up for it."""
    if _is_there(context):
        context.memory.put(_NOTE, _DUE)


def is_ignored(context: Context) -> bool:
    """Return whether there is an export that this container neither imported nor will."""
    return _is_there(context) and context.memory.get(_NOTE) not in {_DUE, _DONE}


def _is_there(context: Context) -> bool:
    return Path(paths.import_folder(context.environ), "metadata.json").is_file()


def run_if_due(context: Context, tick: Callable[[], None]) -> None:
    """Run Octopus.Migrator if an import was noted, `tick` called meanwhile. Raise NodeError (16) if it fails."""
    environ, settings = context.environ, context.settings
    if context.memory.get(_NOTE) != _DUE:
        return
    migrator = Path(variables.value_or_default("OCTO_NODE_SERVER_DIR", environ), "Octopus.Migrator")
    if not migrator.is_file():
        raise NodeError(ExitCode.COMMAND, f"There is an export in /import, but no {migrator} to import it with.")
    command = [
        str(migrator),
        "import",
        f"--instance={paths.INSTANCE}",
        f"--directory={paths.import_folder(environ)}",
        f"--password={settings.import_password or DEFAULT_PASSWORD}",
        *(["--ignore-version-check"] if settings.skip_import_version_check else []),
    ]
    context.progress.doing("importing what is in /import")
    with context.progress.step("import"):
        runner.run(environ, command, "Octopus.Migrator import", context.log, seconds=SECONDS, tick=tick)
    context.memory.put(_NOTE, _DONE)
