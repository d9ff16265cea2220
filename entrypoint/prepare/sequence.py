"""Prepare: wait for SQL Server, agree with the other nodes on the schema, run the commands that are missing."""

import time
from collections.abc import Callable

from entrypoint.base import resource_limits, state_reader
from entrypoint.octopus import commandline, shared_marks
from entrypoint.octopus.applied_state import AppliedState
from entrypoint.octopus.command_runner import Runner
from entrypoint.octopus.instance import Instance
from entrypoint.prepare.schema.schema_lock import LostError
from entrypoint.settings.configuration import Settings
from entrypoint.structured_log import Logger

from .attempt import Attempt
from .context import Context, wait_for_sql
from .progress import Progress


PAUSE_SECONDS = 1.0  # before what SQL Server wouldn't answer is asked again


def prepare(settings: Settings, runner: Runner, log: Logger, hide: Callable[[str], None]) -> None:
    """Configure the node by commands that `runner` runs. Raise the NodeError that says why it can't be.

    `hide` is told secrets that aren't in the environment, so that they are masked as well.
    """
    base = settings.base
    progress, applied = Progress(state_reader.find_folder(base.run_dir)), AppliedState(base.paths)
    instance = Instance(base.paths, runner)
    ready = wait_for_sql(settings, progress, log)
    context = Context(
        settings=settings,
        instance=instance,
        version=instance.version(applied),
        applied=applied,
        progress=progress,
        log=log,
        hide=hide,
        deadline=time.monotonic() + settings.octo_node_upgrade_wait,
    )
    while True:
        attempt = Attempt(context, ready)
        try:
            attempt.run()
            return _leave_marks(context)
        except LostError as error:
            if attempt.execution.done or time.monotonic() >= context.deadline:
                raise
            log.warning(f"{error} Retrying: nothing was changed yet.")
            time.sleep(PAUSE_SECONDS)
        ready = wait_for_sql(settings, progress, log)


def _leave_marks(context: Context) -> None:
    """Leave this node's mark in the shared folders: others see that these are the same, and which version it runs."""
    settings, log = context.settings, context.log
    folders = commandline.shared_folders(settings.base.paths)
    try:
        failed = shared_marks.leave(folders, settings.octopus_server_node_name, context.version.text)
    except OSError as error:
        log.debug("No mark can be left in the shared folders.", reason=resource_limits.reason(error))
    else:
        if failed:
            log.debug("No mark can be left in some shared folders.", folders=", ".join(failed))
