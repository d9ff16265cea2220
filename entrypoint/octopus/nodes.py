"""Which other nodes of the database are alive."""

import time
from dataclasses import dataclass

import pyodbc

from .reading import UnknownError, columns, rows


DEAD_SECONDS = 300  # without a sign of life; what the makers' own scale-in script takes for dead
HEARTBEAT_SECONDS = 6.0  # a node that lives gives a sign of life every 5


@dataclass(frozen=True, slots=True)
class Row:
    """Another node that didn't mark itself offline: its name, its last sign of life as text, and how old that is."""

    name: str
    last_seen: str
    seconds: float


def others(connection: pyodbc.Connection, own: str) -> list[Row]:
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
            f"SELECT n.Name, CONVERT(nvarchar(40), {live}.LastSeen, 127), "  # noqa: S608 - names that stand above
            f"DATEDIFF(second, {live}.LastSeen, SYSDATETIMEOFFSET()) FROM dbo.OctopusServerNode n {join}"
            f"WHERE n.Name <> ? AND {live}.LastSeen IS NOT NULL {offline}ORDER BY n.Name",
            own,
        )
    except UnknownError:
        return []
    return [Row(name=name, last_seen=text, seconds=float(seconds)) for name, text, seconds in found]


class Watch:
    """Tells the living from the dead among the nodes that didn't say that they stopped.

    A sign of life that is old by the database's clock may be written by a node whose own clock is slow: whoever gives
    a new one while he is watched lives.
    """

    def __init__(self) -> None:
        self._first: dict[str, tuple[str, float]] = {}
        self._moved: set[str] = set()

    def alive(self, found: list[Row]) -> tuple[list[str], float]:
        """Return who is alive, and how many seconds the others have to be watched before they count as dead."""
        now = time.monotonic()
        unsure = 0.0
        for row in found:
            first, since = self._first.setdefault(row.name, (row.last_seen, now))
            if row.last_seen != first:
                self._moved.add(row.name)
                self._first[row.name] = (row.last_seen, now)
            elif row.seconds >= DEAD_SECONDS:
                unsure = max(unsure, since + HEARTBEAT_SECONDS - now)
                if now - since >= HEARTBEAT_SECONDS:
                    self._moved.discard(row.name)
        return [row.name for row in found if row.seconds < DEAD_SECONDS or row.name in self._moved], unsure
