"""An export in /import goes into a database that was just made."""

from collections.abc import Mapping
from pathlib import Path

from entrypoint import paths, variables
from entrypoint.errors import NodeError
from entrypoint.exitcodes import ExitCode
from entrypoint.octopus import runner
from entrypoint.octopus.memory import Memory
from entrypoint.settings import Settings
from entrypoint.structured import Logger


SECONDS = 7200.0
DEFAULT_PASSWORD = "blank"  # noqa: S105 - what the official image passes when IMPORT_PASSWORD isn't set
_STEP = "import"
_DUE = "due"


def expect(environ: Mapping[str, str], memory: Memory) -> None:
    """Note that the new database gets an import, so that a start cut off in between makes up for it."""
    if Path(paths.import_folder(environ), "metadata.json").is_file():
        memory.remember(_STEP, _DUE, None)


def run_if_due(environ: Mapping[str, str], settings: Settings, memory: Memory, log: Logger) -> None:
    """Run Octopus.Migrator if an import was noted. Raise NodeError (16) if it fails."""
    if not memory.knows(_STEP, _DUE):
        return
    migrator = Path(variables.value_or_default("OCTO_NODE_SERVER_DIR", environ), "Octopus.Migrator")
    if not migrator.is_file():
        raise NodeError(ExitCode.COMMAND, f"There is an export in /import, but no {migrator} to import it with.")
    command = [
        str(migrator),
        "import",
        f"--config={paths.config_file(environ)}",
        f"--directory={paths.import_folder(environ)}",
        f"--password={settings.import_password or DEFAULT_PASSWORD}",
        *(["--ignore-version-check"] if settings.skip_import_version_check else []),
    ]
    runner.run(environ, command, "Octopus.Migrator import", log, seconds=SECONDS)
    memory.forget(_STEP)
