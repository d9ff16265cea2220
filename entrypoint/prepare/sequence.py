"""Prepare: wait for SQL Server, agree with the other nodes on the schema, run what is missing."""

import time
from collections.abc import Callable, Mapping

from entrypoint import settings
from entrypoint.octopus.memory import Memory
from entrypoint.structured import Logger

from . import instance
from .attempt import Attempt
from .context import Context, wait_for_sql
from .guard import LostError
from .progress import Progress


PAUSE_SECONDS = 1.0  # before what SQL Server wouldn't answer is asked again


def prepare(environ: Mapping[str, str], log: Logger, hide: Callable[[str], None]) -> None:
    """Configure the node from `environ` (the whole one). Raise the NodeError that says why it can't be.

    `hide` is told secrets that aren't in the environment, so that they are masked as well.
    """
    options, progress, memory = settings.parse(environ), Progress(environ), Memory(environ)
    ready = wait_for_sql(options, progress, log)
    context = Context(
        environ=environ,
        settings=options,
        version=instance.version_of_server(environ, memory, log),
        memory=memory,
        progress=progress,
        log=log,
        hide=hide,
        deadline=time.monotonic() + options.octo_node_upgrade_wait,
    )
    while True:
        attempt = Attempt(context, ready)
        try:
            return attempt.run()
        except LostError as error:
            if attempt.execution.done or time.monotonic() >= context.deadline:
                raise
            log.warning(f"{error} It is tried again: nothing was changed yet.")
            time.sleep(PAUSE_SECONDS)
        ready = wait_for_sql(options, progress, log)
