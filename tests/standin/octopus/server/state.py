"""What the parts of a running server share."""

import threading
import time

from standin.octopus import control, instances, nodes
from standin.octopus.instances import Instance
from standin.octopus.sql import Database


class ServerState:
    """The node's name and database, when it was started, and whether it shall stop."""

    def __init__(self, started: float) -> None:
        self.started = started
        self.stop = threading.Event()
        self.name = ""
        self._database: Database | None = None
        self.home = ""
        self.prefixes = ""
        self.force_ssl = False

    def take(self, instance: Instance, database: Database) -> None:
        """Take what the configuration file says."""
        self.name = instance.node_name
        self.home = str(instance.home)
        self.prefixes = instance.get(instances.LISTEN_PREFIXES)
        self.force_ssl = instance.get(instances.FORCE_SSL).lower() == "true"
        self._database = database

    @property
    def database(self) -> Database:
        """The Octopus database."""
        if self._database is None:
            raise RuntimeError("The server has no database yet.")
        return self._database

    @property
    def node_id(self) -> str:
        """The Id of this node's row."""
        return nodes.node_id(self.name)

    @property
    def uptime(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    @property
    def warm(self) -> bool:
        """Whether the hosted services have started; the web server answers a little earlier."""
        return self.uptime >= control.number("ready_after", 0) + control.number("warmup", 0)
