"""Configure: preflight and prepare in the foreground, without a server: in a job, or in a node that is held."""

from collections.abc import Callable

from entrypoint.base import end_reason, redact, state_reader, statefile
from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode
from entrypoint.base.phases import Phase
from entrypoint.octopus.command_runner import Runner
from entrypoint.settings.configuration import Configuration
from entrypoint.structured_log import Logger

from .preflight.checks import preflight
from .sequence import prepare


def configure(configuration: Configuration, runner: Runner, log: Logger, hide: Callable[[str], None]) -> None:
    """Do what a start does before the server, by commands that `runner` runs.

    `hide` is told secrets that aren't in the environment. Raise NodeError: (2) where a node runs that isn't held, else
    the one that says why the node can't be configured; without a node that is the container's termination message too.
    """
    base = configuration.base
    folder = state_reader.find_folder(base.run_dir)
    node = state_reader.read(folder, statefile.NODE)
    lives = node is not None and state_reader.is_live(node)
    if lives and node is not None and node.get("phase") != Phase.HELD:
        raise NodeError(
            ExitCode.USAGE,
            "A node runs here, which was configured when it was started: start it again to have changed settings "
            "taken, or set OCTO_NODE_HOLD=Y to repair it.",
        )
    try:
        preflight(configuration, log)
        prepare(configuration.settings(), runner, log, hide)
    except NodeError as error:
        if not lives:
            told = redact.mask("\n".join(error.sentences), configuration.secrets())
            end_reason.tell(None, base.termination_log, told)
        raise
    log.info(f"The node {base.node_name} is configured; Octopus.Server isn't started.")
