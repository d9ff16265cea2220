"""The other nodes of the database: who is alive, and whether somebody else has this node's name."""

import time
from collections.abc import Iterator

from entrypoint.base import state_reader, statefile
from entrypoint.octopus import node_table
from entrypoint.octopus.node_table import DEAD_SECONDS, HEARTBEAT_SECONDS
from entrypoint.settings.configuration import Settings
from entrypoint.sqlserver.connect import Connection

from .findings import Finding, passed, unknown, warned


LOOK_SECONDS = 0.5  # between two looks at a sign of life


def others_alive(connection: Connection, own: str) -> list[str]:
    """Return the names of the other nodes that are alive. Raise pyodbc.Error if SQL Server is lost."""
    return [row.name for row in node_table.others(connection, own) if row.age < DEAD_SECONDS]


def look(connection: Connection, settings: Settings, alive: list[str]) -> Iterator[Finding]:
    """Say who is `alive`, and whether two nodes have this one's name. Raise pyodbc.Error if SQL Server is lost."""
    own = settings.octopus_server_node_name
    yield passed("nodes", f"Other nodes that are alive: {', '.join(alive) or 'none'}.")
    folder = state_reader.find_folder(settings.base.run_dir)
    node = state_reader.read(folder, statefile.NODE)
    if node is not None and state_reader.is_live(node):
        yield unknown(
            "node name", f"{own} runs here; whether another node has its name can only be told where it doesn't."
        )
    elif _has_a_twin(connection, own):
        yield warned(
            "node name",
            f"Another node with the name {own} gives signs of life: stop it, or set another OCTOPUS_SERVER_NODE_NAME. "
            "Two nodes of one name run each other's tasks.",
        )
    else:
        yield passed("node name", f"No other node has the name {own}.")


def _has_a_twin(connection: Connection, own: str) -> bool:
    """Return whether the sign of life of the node `own`, which doesn't run here, is renewed."""
    first = _last_seen(connection, own)
    if first is None:
        return False
    deadline = time.monotonic() + HEARTBEAT_SECONDS + LOOK_SECONDS
    while time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
        if _last_seen(connection, own) not in {None, first}:
            return True
    return False


def _last_seen(connection: Connection, own: str) -> int | None:
    """Return the sign of life of a node that may be alive; None if it says it is offline, or gave none for long."""
    found = [row for row in node_table.others(connection, "") if row.name.lower() == own.lower()]
    return found[0].last_seen if found and found[0].age < DEAD_SECONDS else None
