"""The server's own drain switch: a flag of the node in the database, set through its command line."""

import time
from collections.abc import Mapping

from entrypoint.errors import NodeError
from entrypoint.exitcodes import ExitCode
from entrypoint.octopus import commandline, runner
from entrypoint.structured import Logger


SECONDS = 120.0
RETRY_SECONDS = 2.0


def command(environ: Mapping[str, str], log: Logger, *options: str, seconds: float = SECONDS) -> None:
    """Run `Octopus.Server node` with `options`. Raise CommandError if it fails."""
    line = commandline.server(environ, "node", *options)
    runner.run(environ, line, "node", log, seconds=seconds)


def switch(environ: Mapping[str, str], log: Logger, *, on: bool, deadline: float) -> None:
    """Drain or undrain the node, and try again until `deadline` (monotonic) while that fails.

    SQL Server may be away for a while. Raise NodeError (21) with the last failure at the deadline.
    """
    while True:
        try:
            # not cut short by the deadline, which is the tasks': .NET takes seconds to start
            return command(environ, log, f"--drain={str(on).lower()}")
        except runner.CommandError as error:
            if time.monotonic() + RETRY_SECONDS >= deadline:
                verb = "drained" if on else "undrained"
                raise NodeError(
                    ExitCode.NODE_UNREACHABLE,
                    f"The node can't be {verb}: {error} Look whether SQL Server answers (`octo-node check`).",
                ) from error
            log.warning(f"{error.args[0].splitlines()[0]} It is tried again.")
            time.sleep(RETRY_SECONDS)
