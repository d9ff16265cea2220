"""Which nodes the database knows, and which of them are alive, by their heartbeats."""

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


@dataclass(frozen=True, slots=True)
class KnownNode:
    """A node that the database knows, alive or not; None is what it doesn't tell.

    Attributes: `age`, of its last sign of life, in seconds, by the database's clock; `is_offline`, whether it marked
    itself offline; `is_draining`, whether it is flagged to take no new tasks; `cap`, how many tasks it runs at once.
    """

    id: str
    name: str
    age: int | None
    is_offline: bool | None
    is_draining: bool | None
    cap: int | None

    @property
    def is_alive(self) -> bool | None:
        """Whether it seems to live; a clock that is off deceives this, not `HeartbeatWatch`."""
        if self.is_offline:
            return False
        return None if self.age is None else self.age < DEAD_SECONDS


@dataclass(frozen=True, slots=True)
class _Places:
    """Where the signs of life are: the join, the name of the table that has them, what it calls offline."""

    join: str
    live: str
    has_last_seen: bool
    has_offline: bool


def _places(connection: Connection, nodes: set[str], kind: str) -> _Places:
    """Return where the signs of life are, `nodes` being the columns of the nodes' table.

    Since 2019 they stand in a table of their own (OctopusDeploy issue 5729), whose columns aren't published.
    """
    status = columns(connection, "OctopusServerNodeStatus")
    key = next((column for column in ("octopusservernodeid", "nodeid", "id") if column in status), None)
    if "lastseen" in status and key is not None:
        join = f"{kind} JOIN dbo.OctopusServerNodeStatus s ON CAST(s.{key} AS nvarchar(250)) = n.Id "
        return _Places(join, "s", has_last_seen=True, has_offline="isoffline" in status)
    return _Places("", "n", has_last_seen="lastseen" in nodes, has_offline="isoffline" in nodes)


def others(connection: Connection, own: str) -> list[NodeRow]:
    """Return the other nodes that aren't offline; none if the tables don't tell.

    A node that stopped in order marks itself offline, a dead one's LastSeen goes stale: by the database's clock,
    because nodes' clocks differ.
    """
    nodes = columns(connection, "OctopusServerNode")
    places = _places(connection, nodes, "INNER")
    live = places.live
    if not (nodes >= {"id", "name"} and places.has_last_seen):
        return []
    offline = f"AND COALESCE({live}.IsOffline, 0) = 0 " if places.has_offline else ""
    try:
        found = rows(
            connection,
            # a clock may be off by more seconds than DATEDIFF can tell: that ends with error 535
            f"SELECT n.Name, DATEDIFF_BIG(second, '2000-01-01', {live}.LastSeen), "  # noqa: S608 - names that stand above
            f"DATEDIFF_BIG(second, {live}.LastSeen, SYSDATETIMEOFFSET()) FROM dbo.OctopusServerNode n {places.join}"
            # one that never was needs no watch
            f"WHERE n.Name <> ? AND {live}.LastSeen > '2000-01-01' {offline}ORDER BY n.Name",
            own,
        )
    except UnknownError:
        return []
    return [NodeRow(*row) for row in found]


def everyone(connection: Connection) -> list[KnownNode] | None:
    """Return all nodes that the database knows, by name; None if its tables don't tell."""
    nodes = columns(connection, "OctopusServerNode")
    if not nodes >= {"id", "name"}:
        return None
    places = _places(connection, nodes, "LEFT")
    wanted = (
        f"DATEDIFF_BIG(second, {places.live}.LastSeen, SYSDATETIMEOFFSET())" if places.has_last_seen else "NULL",
        f"COALESCE({places.live}.IsOffline, 0)" if places.has_offline else "NULL",
        "n.IsInMaintenanceMode" if "isinmaintenancemode" in nodes else "NULL",
        "n.MaxConcurrentTasks" if "maxconcurrenttasks" in nodes else "NULL",
    )
    try:
        found = rows(
            connection,
            f"SELECT n.Id, n.Name, {', '.join(wanted)} FROM dbo.OctopusServerNode n {places.join}ORDER BY n.Name",  # noqa: S608 - as above
        )
    except UnknownError:
        return None
    return [_known(*row, is_timed=places.has_last_seen) for row in found]


def _known(  # noqa: PLR0913 - a row's columns
    id_: object, name: object, age: object, offline: object, draining: object, cap: object, *, is_timed: bool
) -> KnownNode:
    # where nothing says so, a node that stopped in order has no LastSeen
    is_gone = True if is_timed and age is None else None
    return KnownNode(
        id=str(id_),
        name=str(name),
        age=None if age is None else int(str(age)),
        is_offline=bool(offline) if offline is not None else is_gone,
        is_draining=None if draining is None else bool(draining),
        cap=None if cap is None else int(str(cap)),
    )


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
