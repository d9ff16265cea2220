"""The instance of Octopus.Server in this container, queried and configured through the server's commands."""

from collections.abc import Callable, Sequence
from pathlib import Path

from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode
from entrypoint.settings import parsers
from entrypoint.settings.paths import INSTANCE, Paths

from . import command_output, commandline, server_refusals, version
from .applied_state import AppliedState
from .command_runner import CommandError, Runner
from .version import Version


ASK_SECONDS = 120.0
IMPORT_SECONDS = 7200.0


class Instance:
    """The instance of Octopus.Server in this container, whose commands `runner` runs."""

    def __init__(self, paths: Paths, runner: Runner) -> None:
        self._paths = paths
        self._runner = runner

    def version(self, applied: AppliedState, *, remember: bool = True) -> Version:
        """Return the version of this server; if it is to `remember` it, it is asked only once for each executable."""
        executable = (self._paths.server_command() or ["Octopus.Server"])[-1]
        known = version.known(applied, executable)
        if known is not None:
            return known
        told = self._runner.run(commandline.server(self._paths, "version"), "version", seconds=ASK_SECONDS)
        found = version.find(told)
        if found is None:
            raise NodeError(
                ExitCode.COMMAND,
                f"`version` of {executable} didn't tell a version, but: {command_output.summary(told)}",
            )
        if remember:
            version.remember(applied, executable, found)
        return found

    def master_key(self) -> str | None:
        """Return the master key of the instance configured in this container; None if there is none."""
        if not Path(self._paths.config_file).is_file():
            return None
        command = commandline.server(self._paths, "show-master-key", "--console")
        try:
            told = self._runner.run(command, "show-master-key", seconds=ASK_SECONDS, quiet=True)
        except CommandError:
            return None
        return next((word for word in told.split() if parsers.is_master_key(word)), None)

    def configure(self, verb: str, options: Sequence[str], tick: Callable[[], None]) -> None:
        """Run one configure command, `tick` called meanwhile.

        Raise CommandError (16) if it fails, NodeError (14) if the server refuses the database's schema.
        """
        command = commandline.server(self._paths, verb, *options)
        try:
            self._runner.run(command, verb, seconds=commandline.SECONDS[verb], tick=tick)
        except CommandError as error:
            raise server_refusals.explain(error, verb) from error

    def run_import(self, password: str, *, skip_version_check: bool, tick: Callable[[], None]) -> None:
        """Run Octopus.Migrator on the export in /import, `tick` called meanwhile. Raise NodeError (16) if it fails."""
        migrator = Path(self._paths.server, "Octopus.Migrator")
        if not migrator.is_file():
            raise NodeError(ExitCode.COMMAND, f"There is an export in /import, but no {migrator} to import it with.")
        command = [
            str(migrator),
            "import",
            f"--instance={INSTANCE}",
            f"--directory={self._paths.import_folder}",
            f"--password={password}",
            *(["--ignore-version-check"] if skip_version_check else []),
        ]
        self._runner.run(command, "Octopus.Migrator import", seconds=IMPORT_SECONDS, tick=tick)
