"""Which other nodes of the database are alive, by their heartbeats."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from entrypoint.sqlserver.connect import Connection

from .queries import UnknownError, columns, rows


DEAD_SECONDS = 300  # without a sign of life; what the makers' own scale-in script takes for dead
HEARTBEAT_SECONDS = 6.0  # a node that lives gives a sign of life every 5


@dataclass(frozen=True, slots=True)
class NodeRow:
    """Another node that didn't mark itself offline.

    Attributes: `last_seen`, when it gave its last sign of life, in seconds, by its clock; `age`, how old that is in
    seconds, by the database's clock.
    """

    name: str
    last_seen: int
    age: int


def others(connection: Connection, own: str) -> list[NodeRow]:
    """Return the other nodes that aren't offline; none if the tables don't tell.

    A node that stopped in order marks itself offline, a dead one's LastSeen goes stale: by the database's clock,
    because nodes' clocks differ. Since 2019 both stand in a table of their own (OctopusDeploy issue 5729), whose
    columns aren't published.
    """
    nodes = columns(connection, "OctopusServerNode")
    status = columns(connection, "OctopusServerNodeStatus")
    key = next((column for column in ("octopusservernodeid", "nodeid", "id") if column in status), None)
    live, known, join = "n", nodes, ""
    if "lastseen" in status and key is not None:
        live, known = "s", status
        join = f"INNER JOIN dbo.OctopusServerNodeStatus s ON CAST(s.{key} AS nvarchar(250)) = n.Id "
    if not (nodes >= {"id", "name"} and "lastseen" in known):
        return []
    offline = f"AND COALESCE({live}.IsOffline, 0) = 0 " if "isoffline" in known else ""
    try:
        found = rows(
            connection,
            # a clock may be off by more seconds than DATEDIFF can tell: that ends with error 535
            f"SELECT n.Name, DATEDIFF_BIG(second, '2000-01-01', {live}.LastSeen), "  # noqa: S608 - names that stand above
            f"DATEDIFF_BIG(second, {live}.LastSeen, SYSDATETIMEOFFSET()) FROM dbo.OctopusServerNode n {join}"
            # one that never was needs no watch
            f"WHERE n.Name <> ? AND {live}.LastSeen > '2000-01-01' {offline}ORDER BY n.Name",
            own,
        )
    except UnknownError:
        return []
    return [NodeRow(*row) for row in found]


@dataclass(frozen=True, slots=True)
class _Heartbeat:
    """A sign of life, since when (monotonic) it is the newest, and whether it is the one that was found first."""

    last_seen: int
    since: float
    is_first: bool


class HeartbeatWatch:
    """Tells the living from the dead among the nodes that didn't say that they stopped.

    A sign of life is dated by the clock of the node that gives it, which may be slow or fast. So a new one means that
    it lives, however old it claims to be; and one that isn't followed by another for long means that it doesn't.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[str, _Heartbeat] = {}

    def alive(self, found: list[NodeRow]) -> tuple[list[str], float]:
        """Return which nodes are alive, and for how many seconds the others must be watched to count as dead."""
        now = self._clock()
        names, unsure = [], 0.0
        for row in found:
            sign = self._seen.setdefault(row.name, _Heartbeat(row.last_seen, now, is_first=True))
            if row.last_seen != sign.last_seen:
                sign = self._seen[row.name] = _Heartbeat(row.last_seen, now, is_first=False)
            waited = now - sign.since
            if row.age < DEAD_SECONDS or not sign.is_first:
                if waited < DEAD_SECONDS:
                    names.append(row.name)
            else:
                unsure = max(unsure, HEARTBEAT_SECONDS - waited)
        return names, unsure
