"""What every step of prepare needs."""

from collections.abc import Callable
from dataclasses import dataclass

from entrypoint.octopus.applied_state import AppliedState
from entrypoint.octopus.instance import Instance
from entrypoint.octopus.version import Version
from entrypoint.settings.configuration import Settings
from entrypoint.sqlserver import wait
from entrypoint.sqlserver.address import DEFAULT_PORT
from entrypoint.sqlserver.wait import Ready
from entrypoint.structured_log import Logger

from .progress import Progress


@dataclass(frozen=True, slots=True)
class Context:
    """The node that is being prepared.

    Attributes: `instance`, Octopus.Server in this container, and its `version`; `hide`, to be told secrets that
    aren't in the environment; `deadline` (monotonic), for everything that other nodes make us wait for.
    """

    settings: Settings
    instance: Instance
    version: Version
    applied: AppliedState
    progress: Progress
    log: Logger
    hide: Callable[[str], None]
    deadline: float


def wait_for_sql(settings: Settings, progress: Progress, log: Logger) -> Ready:
    """Return when SQL Server takes logins. Raise NodeError (12, 13) if it doesn't in time."""
    where = settings.db_connection_string
    progress.doing(f"waiting for SQL Server {where.address}")

    def publish(reason: str, since: float) -> None:
        progress.doing(f"waiting for SQL Server {where.address} ({reason})", since)

    with progress.step("sql"):
        ready = wait.wait_until_ready(where, settings.octo_node_sql_wait, log, publish)
        found = ready.connection_string
        progress.found(found.host, found.port or DEFAULT_PORT, strict=found.encrypt == "strict")
    return ready
