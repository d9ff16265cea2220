"""What prepare asks of Octopus.Server in this container, and has it do."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from entrypoint import kinds, paths, variables
from entrypoint.errors import NodeError
from entrypoint.exitcodes import ExitCode
from entrypoint.octopus import commandline, printed, refused, runner, version
from entrypoint.octopus.memory import Memory
from entrypoint.octopus.version import Version
from entrypoint.structured import Logger


ASK_SECONDS = 120.0


def version_of_server(environ: Mapping[str, str], memory: Memory, log: Logger, *, remember: bool = True) -> Version:
    """Return the version of this server; if it is to `remember` it, it is asked only once for each executable."""
    executable = (paths.server_command(environ) or ["Octopus.Server"])[-1]
    known = version.known(memory, executable)
    if known is not None:
        return known
    told = runner.run(environ, commandline.server(environ, "version"), "version", log, seconds=ASK_SECONDS)
    found = version.find(told)
    if found is None:
        raise NodeError(
            ExitCode.COMMAND, f"`version` of {executable} didn't tell a version, but: {printed.summary(told)}"
        )
    if remember:
        version.remember(memory, executable, found)
    return found


def master_key(environ: Mapping[str, str], log: Logger) -> str | None:
    """Return the master key of the instance configured in this container; None if there is none."""
    if not Path(paths.config_file(environ)).is_file():
        return None
    try:
        told = runner.run(
            environ,
            commandline.server(environ, "show-master-key", "--console"),
            "show-master-key",
            log,
            seconds=ASK_SECONDS,
            quiet=True,
        )
    except runner.CommandError:
        return None
    return next((word for word in told.split() if _is_key(word)), None)


def _is_key(word: str) -> bool:
    try:
        kinds.parse(variables.BY_NAME["MASTER_KEY"], word)
    except ValueError:
        return False
    return True


def configure(
    environ: Mapping[str, str], verb: str, options: Sequence[str], log: Logger, tick: Callable[[], None]
) -> None:
    """Run one configure command, `tick` called meanwhile.

    Raise CommandError (16) if it fails, NodeError (14) if the server refuses the database's schema.
    """
    command = commandline.server(environ, verb, *options)
    try:
        runner.run(environ, command, verb, log, seconds=commandline.SECONDS[verb], tick=tick)
    except runner.CommandError as error:
        raise refused.explain(error, verb) from error
