"""The rows of nodes: who is there, who was seen when, who is draining."""

import json
import uuid
import zlib
from dataclasses import dataclass

import pyodbc

from . import about, schema, sql, switches
from .schema import Layout, Shape


ALIVE_SECONDS = 300
DEFAULT_CAP = 5
_COLUMNS = "SELECT n.Id, n.Name, n.MaxConcurrentTasks, n.IsInMaintenanceMode, n.JSON, "
_SELECT = {
    Layout.CLASSIC: _COLUMNS + "DATEDIFF(second, n.LastSeen, SYSDATETIMEOFFSET()), 0 FROM OctopusServerNode n",
    Layout.STATUS: _COLUMNS + "DATEDIFF(second, s.LastSeen, SYSDATETIMEOFFSET()), {offline} "
    "FROM OctopusServerNode n LEFT JOIN OctopusServerNodeStatus s ON s.{key} = n.Id",
    Layout.BARE: _COLUMNS + "NULL, 0 FROM OctopusServerNode n",
}
_SEEN = {
    Layout.CLASSIC: "UPDATE OctopusServerNode SET LastSeen = DATEADD(second, ?, SYSDATETIMEOFFSET()) WHERE Id = ?",
    Layout.STATUS: "UPDATE OctopusServerNodeStatus SET LastSeen = DATEADD(second, ?, SYSDATETIMEOFFSET()){online} "
    "WHERE {key} = ?",
}
_GONE = {
    Layout.CLASSIC: "UPDATE OctopusServerNode SET LastSeen = NULL WHERE Id = ?",
    Layout.STATUS: "UPDATE OctopusServerNodeStatus SET {gone} WHERE {key} = ?",
}
_CLOCK = "SELECT DATEDIFF(second, '2020-01-01', SYSUTCDATETIME())"


@dataclass(frozen=True)
class Node:
    """A node as the database has it."""

    id: str
    name: str
    cap: int
    draining: bool
    age: float | None
    offline: bool

    @property
    def alive(self) -> bool:
        """Whether the node is running, as far as its heartbeat tells."""
        return not self.offline and self.age is not None and self.age < ALIVE_SECONDS


def node_id(name: str) -> str:
    """The Id of a node's row."""
    if switches.value("node_id") == "number":
        return f"OctopusServerNodes-{zlib.crc32(name.encode())}"
    return f"OctopusServerNodes-{name}"


def everyone(connection: pyodbc.Connection) -> list[Node]:
    """All nodes the database knows."""
    shape = schema.shape(connection)
    now = sql.number(connection, _CLOCK) if shape.layout is Layout.BARE else 0
    return [_node(row, now) for row in sql.rows(connection, _statement(_SELECT, shape) + " ORDER BY n.Name")]


def find(connection: pyodbc.Connection, name: str) -> Node | None:
    """The node of this name."""
    return next((node for node in everyone(connection) if node.name == name), None)


def register(connection: pyodbc.Connection, name: str) -> None:
    """Make sure the node has its row; a row of the same name is used again."""
    identity = node_id(name)
    if not sql.number(connection, "SELECT COUNT(*) FROM OctopusServerNode WHERE Id = ?", identity):
        connection.execute(
            "INSERT INTO OctopusServerNode (Id, Name, Rank, MaxConcurrentTasks, IsInMaintenanceMode, JSON) "
            "VALUES (?, ?, '', ?, 0, '{}')",
            identity,
            name,
            DEFAULT_CAP,
        )
    shape = schema.shape(connection)
    if shape.layout is Layout.STATUS and not sql.number(
        connection, _of(shape, "SELECT COUNT(*) FROM OctopusServerNodeStatus WHERE {key} = ?"), identity
    ):
        statement = "INSERT INTO OctopusServerNodeStatus ({key}, JSON) VALUES (?, '')"
        connection.execute(_of(shape, statement), identity)
        mark_offline(connection, name)


def heartbeat(connection: pyodbc.Connection, name: str) -> None:
    """Say that the node is alive; its clock may be told to differ from the database's."""
    shape = schema.shape(connection)
    if shape.layout is Layout.BARE:
        _write_json(connection, name, {"Seen": sql.number(connection, _CLOCK), "IsOffline": False})
    else:
        connection.execute(_statement(_SEEN, shape), int(switches.number("clock")), node_id(name))


def mark_offline(connection: pyodbc.Connection, name: str) -> None:
    """Say that the node was stopped in an orderly way."""
    shape = schema.shape(connection)
    if shape.layout is Layout.BARE:
        _write_json(connection, name, {"IsOffline": True})
    else:
        connection.execute(_statement(_GONE, shape), node_id(name))


def set_draining(connection: pyodbc.Connection, name: str, *, draining: bool) -> None:
    """Set or clear the drain flag; it outlives the process."""
    statement = "UPDATE OctopusServerNode SET IsInMaintenanceMode = ? WHERE Id = ?"
    connection.execute(statement, int(draining), node_id(name))


def set_cap(connection: pyodbc.Connection, name: str, cap: int) -> None:
    """Set how many tasks the node runs at once."""
    connection.execute("UPDATE OctopusServerNode SET MaxConcurrentTasks = ? WHERE Id = ?", cap, node_id(name))


def record_installation(connection: pyodbc.Connection, name: str) -> None:
    """Note which version starts on a node.

    Issue 4194: when each node got upgraded to a version. Whether that is once for each version (`once`), whenever it is
    another one than the node noted last (`changed`), or at each start (`each`) isn't published: `history` tells.
    """
    if not sql.has_table(connection, "OctopusServerInstallationHistory"):
        return
    version, how = about.version(), switches.value("history")
    identity = f"OctopusServerInstallationHistory-{name}-{version}"
    query = "SELECT Id FROM OctopusServerInstallationHistory WHERE Node = ? ORDER BY Installed DESC"
    noted = [str(row[0]).partition("_")[0] for row in sql.rows(connection, query, name)]
    if (how == "once" and identity in noted) or (how == "changed" and noted[:1] == [identity]):
        return
    kind = schema.version_column(connection)
    written = {"empty": "NULL", "binary": f"0x{version.encode().hex()}"}.get(kind, f"'{version}'")
    connection.execute(
        "INSERT INTO OctopusServerInstallationHistory (Id, Node, Version, Installed, JSON) "  # noqa: S608
        f"VALUES (?, ?, {written}, SYSDATETIMEOFFSET(), '{{}}')",
        f"{identity}_{uuid.uuid4().hex}",
        name,
    )


def _statement(statements: dict[Layout, str], shape: Shape) -> str:
    """The statement for a shape of the tables."""
    return _of(shape, statements[shape.layout])


def _of(shape: Shape, statement: str) -> str:
    """A statement with the columns that OctopusServerNodeStatus has."""
    return statement.format(
        key=shape.key,
        offline="s.IsOffline" if shape.has_offline else "0",
        online=", IsOffline = 0" if shape.has_offline else "",
        gone="IsOffline = 1" if shape.has_offline else "LastSeen = NULL",
    )


def _node(row: pyodbc.Row, now: int) -> Node:
    """A row as a node; the bare layout keeps the heartbeat in JSON."""
    identity, name, cap, draining, text, age, offline = row
    kept = json.loads(text or "{}")
    if now:
        age = now - kept["Seen"] if "Seen" in kept else None
        offline = kept.get("IsOffline", False)
    return Node(identity, name, int(cap), bool(draining), None if age is None else float(age), bool(offline))


def _write_json(connection: pyodbc.Connection, name: str, kept: dict[str, object]) -> None:
    connection.execute("UPDATE OctopusServerNode SET JSON = ? WHERE Id = ?", json.dumps(kept), node_id(name))
