"""The form of `octo-node status --json`: `docs/status.md` and `docs/status.schema.json` are made from it.

A field is only added, never changed or taken away, as long as SCHEMA stays what it is. None is what can't be told;
`unknown` says why.
"""

from typing import Annotated, TypedDict


SCHEMA = "octo-node.status/1"


class Task(TypedDict):
    """A task that this node works on."""

    id: str
    description: str
    state: Annotated[str, "`Executing` or `Cancelling`"]
    seconds: Annotated[float | None, "since it was started"]


class Node(TypedDict):
    """Process 1, and what it is doing."""

    name: Annotated[str, "of this node in Octopus"]
    phase: Annotated[
        str | None,
        "`preflight`, `preparing`, `starting`, `up`, `held`, `stopping`, `killing`, `stopped` or `failed`; none where "
        "octo-node isn't process 1 of a node",
    ]
    since: Annotated[str | None, "when the phase began"]
    seconds: Annotated[float | None, "since then"]
    wanted: Annotated[str | None, "`up` or `down`: what the operator asked for"]
    doing: Annotated[str, "what it waits for or runs just now, empty for nothing"]
    doing_seconds: Annotated[float | None, "since it does that"]
    pid: int | None
    code: Annotated[int | None, "the exit code, once it has ended"]
    reason: Annotated[str, "why it ended, empty if nobody told"]
    reaped: Annotated[int | None, "orphans that process 1 has reaped"]


class Versions(TypedDict):
    """Versions."""

    octo_node: str
    server: Annotated[str | None, "of Octopus.Server in this container"]
    schema: Annotated[str | None, "the highest that ran on the database"]
    sql_server: str | None


class Step(TypedDict):
    """A part of the boot."""

    name: Annotated[str, "`preflight`, `sql`, `guard`, `commands` or `server`"]
    seconds: float


class Boot(TypedDict):
    """The last start."""

    began: str | None
    seconds: Annotated[float | None, "that it took, or takes until now"]
    is_over: Annotated[bool, "whether the node was up"]
    steps: list[Step]


class Drain(TypedDict):
    """Whether the node takes new tasks."""

    wanted: Annotated[bool, "whether a drain was asked for since the start"]
    since: Annotated[str | None, "when that was"]
    in_force: Annotated[bool | None, "whether the server takes no new tasks"]


class End(TypedDict):
    """How the node ended before this start, as far as the run folder still tells."""

    time: str | None
    phase: str
    code: int | None
    reason: str


class Server(TypedDict):
    """Octopus.Server, if it runs."""

    pid: int
    seconds: Annotated[float, "since it was started"]
    is_suspended: Annotated[bool, "by a signal"]
    cpu_seconds: Annotated[float, "that it has used"]
    cpu_percent: Annotated[float, "of one processor, during the look"]
    memory_bytes: Annotated[int, "resident"]
    processes: Annotated[int, "below it"]


class Ping(TypedDict):
    """What its ping address answered."""

    status: Annotated[int, "of HTTP; 0: nothing answered"]
    words: str
    seconds: Annotated[float, "that the answer took"]


class Dockerd(TypedDict):
    """The engine of execution containers, if one is wanted."""

    way: Annotated[str | None, "of `OCTO_NODE_CONTAINERS`"]
    state: Annotated[str, "`starting`, `ready`, `failing` (starts no container), `restarting` or `ended`"]
    problem: Annotated[str | None, "why it isn't ready"]
    host: Annotated[str | None, "where it listens"]
    restarts: Annotated[int, "or how often an external one was lost"]
    pid: Annotated[int | None, "if octo-node started it"]
    cpu_seconds: float | None
    memory_bytes: int | None
    containers: Annotated[int | None, "that run"]


class Sql(TypedDict):
    """SQL Server."""

    address: str | None
    database: str | None
    answers: Annotated[bool | None, "whether it took the login and answered"]
    login_seconds: float | None
    answer_seconds: Annotated[float | None, "of the least question there is"]
    trouble: Annotated[str, "why not, empty if all is well"]


class Container(TypedDict):
    """The container's control group; without one of its own that is the machine's."""

    memory_bytes: int | None
    memory_limit_bytes: int | None
    memory_peak_bytes: int | None
    oom_kills: Annotated[int, "processes that the kernel killed for want of memory since the start"]
    cpu_limit: Annotated[float | None, "in processors"]
    cpu_seconds: float | None


class ClusterNode(TypedDict):
    """A node that the database knows."""

    id: str
    name: str
    is_this: bool
    version: Annotated[str | None, "that it noted last"]
    seen_seconds: Annotated[int | None, "since its last sign of life, by the database's clock"]
    is_alive: Annotated[bool | None, "a sign of life in the last 5 minutes, and not marked offline"]
    is_offline: Annotated[bool | None, "whether it marked itself offline, as a stop in order does"]
    is_draining: bool | None
    cap: Annotated[int | None, "how many tasks it runs at once"]
    tasks: Annotated[int | None, "that it runs"]


class Facts(TypedDict):
    """All there is."""

    schema: Annotated[str, f"`{SCHEMA}`"]
    time: Annotated[str, "of the look (UTC, ISO 8601, as all times)"]
    took: Annotated[float, "seconds of the look"]
    live: Annotated[bool, "whether process 1 of a node runs here"]
    summary: Annotated[str, "the first line of `octo-node status`"]
    node: Node
    versions: Versions
    boot: Boot
    drain: Drain
    tasks: Annotated[list[Task] | None, "that run on this node"]
    queued: Annotated[int | None, "tasks that wait for a node, on all nodes"]
    server: Server | None
    ping: Ping | None
    dockerd: Dockerd | None
    sql: Sql
    container: Container
    nodes: Annotated[list[ClusterNode] | None, "all of the database's"]
    warnings: Annotated[list[str], "of preflight"]
    last_end: End | None
    unknown: Annotated[dict[str, str], "why something can't be told, by its name"]
