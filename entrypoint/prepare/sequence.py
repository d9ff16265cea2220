"""Prepare: wait for SQL Server, look what is there, and run the configure commands that are missing."""

from collections.abc import Callable, Mapping

from entrypoint import settings
from entrypoint.octopus import tables
from entrypoint.octopus.memory import Memory
from entrypoint.octopus.tables import EMPTY, Installed
from entrypoint.settings import Settings
from entrypoint.sqlserver import connect, wait
from entrypoint.sqlserver.wait import Ready
from entrypoint.structured import Logger

from . import importing, instance, plan, refusals, situation
from .plan import Command
from .progress import Progress


def prepare(environ: Mapping[str, str], log: Logger, hide: Callable[[str], None]) -> None:
    """Configure the node from `environ` (the whole one). Raise the NodeError that says why it can't be.

    `hide` is told secrets that aren't in the environment, so that they are masked as well.
    """
    Sequence(environ, settings.parse(environ), log, hide).run()


class Sequence:
    """The steps of prepare, in order."""

    def __init__(self, environ: Mapping[str, str], options: Settings, log: Logger, hide: Callable[[str], None]) -> None:
        self.environ = environ
        self.settings = options
        self.progress = Progress(environ)
        self.log = log
        self.hide = hide
        self.memory = Memory(environ)
        self.database: dict[str, str] | None = None  # as the memory knows it; None while there is none

    def run(self) -> None:
        """Go through all steps; each leaves its time in the timeline."""
        with self.progress.step("sql"):
            ready = self._wait()
        with self.progress.step("guard"):
            installed = EMPTY if ready.connection is None else tables.look(ready.connection)
            version = instance.version_of_server(self.environ, self.memory, self.log)
            refusals.check(installed, version, self.settings.db_connection_string)
        with self.progress.step("commands"):
            self._configure(ready, installed, version.text)
            importing.run_if_due(self.environ, self.settings, self.memory, self.log)

    def _wait(self) -> Ready:
        address = self.settings.db_connection_string.address
        self.progress.doing(f"waiting for SQL Server {address}")

        def publish(reason: str, since: float) -> None:
            self.progress.doing(f"waiting for SQL Server {address} ({reason})", since)

        return wait.wait_until_ready(
            self.settings.db_connection_string, self.settings.octo_node_sql_wait, self.log, publish
        )

    def _configure(self, ready: Ready, installed: Installed, version: str) -> None:
        self.database = situation.identity(installed, self.settings.db_connection_string)
        found = situation.find(ready.connection, installed, version, self.settings, self.memory)
        key = situation.master_key(self.environ, self.settings, found, self.log)
        self.hide(key or "")
        inputs = situation.inputs(self.environ, self.settings, found, key=key, log=self.log)
        if not found.is_finished:
            importing.expect(self.environ, self.memory)
        commands = list(plan.commands(inputs, found, self.memory))
        if not any(command.run for command in commands):
            self.log.info("This node is configured as it was: no command is run.")
        for command in commands:
            self._run(command)

    def _run(self, command: Command) -> None:
        if command.run:
            self.progress.doing(f"running `{command.verb}`")
            instance.configure(self.environ, command.verb, command.options, self.log)
        if command.verb == "database" and self.database is None:
            with connect.connect(self.settings.db_connection_string) as connection:
                self.database = situation.identity(tables.look(connection), self.settings.db_connection_string)
        if command.digest is not None:
            self.memory.remember(command.verb, command.digest, self.database)
