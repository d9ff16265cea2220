"""The heartbeat, and the eye on the schema beneath a running node."""

import threading
import time
from contextlib import suppress

import pyodbc

from standin.octopus import about, control, nodes, schema, trace
from standin.octopus.log import complain

from .state import ServerState


class Heart:
    """Says that the node is alive; outlives an outage of SQL Server."""

    def __init__(self, state: ServerState) -> None:
        self._state = state
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._reported = False

    def start(self) -> None:
        """Start the heartbeat."""
        self._thread.start()

    def finish(self) -> None:
        """Stop the heartbeat and mark the node offline."""
        self._thread.join(5)
        with suppress(pyodbc.Error), self._state.database.connection() as connection:
            self._look_at_schema(connection)
            nodes.mark_offline(connection, self._state.name)

    def _beat(self) -> None:
        """Look often, beat at the interval."""
        interval = control.number("heartbeat", 5)
        beaten = time.monotonic()
        while not self._state.stop.wait(min(interval, 0.25)):
            try:
                with self._state.database.connection() as connection:
                    self._look_at_schema(connection)
                    if time.monotonic() - beaten >= interval and not control.flag("no_heartbeat"):
                        nodes.heartbeat(connection, self._state.name)
                        beaten = time.monotonic()
            except pyodbc.Error as error:
                complain(f"The heartbeat failed: {error}", "WARN")

    def _look_at_schema(self, connection: pyodbc.Connection) -> None:
        """Write down when this node runs over another version's schema: its data would be corrupt now."""
        present = schema.state(connection)
        if present is not schema.State.CURRENT and not self._reported:
            self._reported = True
            description = f"{self._state.name} runs {about.version()} over a schema that is {present}"
            trace.violation(connection, description)
