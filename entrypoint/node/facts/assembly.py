"""The facts as one document, from the pieces that the sources told."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from entrypoint import __version__
from entrypoint.base import redact
from entrypoint.base.errors import NodeError
from entrypoint.settings.configuration import Configuration, Settings

from . import clocks, container, database, states, words
from .schema import (
    SCHEMA,
    Boot,
    ClusterNode,
    Container,
    Dockerd,
    Drain,
    End,
    Facts,
    Node,
    Ping,
    Server,
    Sql,
    Task,
    Versions,
)


Told = Mapping[str, object]
_DRAINING, _GOOD = 418, range(200, 300)
_WRONG = "it isn't asked: the settings are wrong (`octo-node check`)"
_BY = ("tasks_by_api", "tasks_by_sql")  # the API is right at once, the table is there without a key


class Assembly:
    """Puts the facts of the node together that `configuration` is of.

    Attribute: `settings`, None if they are wrong; then nobody is asked who needs them.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._name = configuration.base.node_name
        self._engine = configuration.base.engine
        self.settings: Settings | None = None
        self._problem = ""
        self._secrets = configuration.secrets()
        try:
            self.settings = configuration.settings()
        except NodeError as error:
            self._problem = error.sentences[0]

    def facts(self, told: Told, unknown: dict[str, str], took: float) -> Facts:
        """Return the document; `unknown` is why something wasn't told, `took` the seconds of the look."""
        nothing = states.States(None)
        found = Facts(
            schema=SCHEMA,
            time=str(clocks.wall(time.time())),
            took=round(took, 3),
            live=told.get("live") is True,
            summary="",
            node=cast("Node", told.get("node") or states.node(nothing, self._name)),
            versions=_versions(told),
            boot=cast("Boot", told.get("boot") or states.boot(nothing)),
            drain=_drain(told),
            tasks=cast("list[Task] | None", next((told[name] for name in _BY if name in told), None)),
            queued=cast("int | None", told.get("queued")),
            server=cast("Server | None", told.get("server")),
            ping=cast("Ping | None", told.get("ping")) if told.get("server") or "server" not in told else None,
            dockerd=_dockerd(told, self._engine),
            sql=self._sql(told, unknown),
            container=cast("Container", told.get("container") or container.UNKNOWN),
            nodes=cast("list[ClusterNode] | None", told.get("nodes")),
            warnings=cast("list[str]", told.get("warnings") or []),
            last_end=cast("End | None", told.get("last_end")),
            unknown=_unknown(told, unknown, self._problem),
        )
        found["summary"] = words.summary(found, str(told.get("process_1") or ""))
        return cast("Facts", _masked(found, self._secrets))

    def _sql(self, told: Told, unknown: Told) -> Sql:
        if self.settings is None:
            return Sql(
                address=None,
                database=None,
                answers=None,
                login_seconds=None,
                answer_seconds=None,
                trouble=_WRONG,
            )
        if "sql" in told:
            return cast("Sql", told["sql"])
        return database.place(self.settings, str(unknown.get(database.SOURCE, "it wasn't asked")))


def _masked(value: object, secrets: Sequence[str]) -> object:
    """Return `value` with the secrets masked in all of its texts: a task's description may hold one."""
    match value:
        case str():
            return redact.mask(value, secrets)
        case dict():
            return {name: _masked(each, secrets) for name, each in value.items()}
        case list():
            return [_masked(each, secrets) for each in value]
        case _:
            return value


def _versions(told: Told) -> Versions:
    own = cast("Mapping[str, str | None]", told.get("versions") or {})
    return Versions(
        octo_node=own.get("octo_node") or __version__,
        server=own.get("server"),
        schema=cast("str | None", told.get("schema_version")),
        sql_server=cast("str | None", told.get("sql_version")),
    )


def _drain(told: Told) -> Drain:
    found = cast("Drain", told.get("drain") or states.drain(states.States(None)))
    status = cast("Ping", told["ping"])["status"] if told.get("ping") else 0
    found["in_force"] = True if status == _DRAINING else False if status in _GOOD else None
    nodes = cast("list[ClusterNode]", told.get("nodes") or [])
    if found["in_force"] and [node["is_draining"] for node in nodes if node["is_this"]] == [
        False
    ]:  # 418 is also what a node answers that is marked as offline
        found["in_force"] = False
    return found


def _dockerd(told: Told, host: str) -> Dockerd | None:
    found = cast("Dockerd | None", told.get("dockerd"))
    if found is not None:
        found["host"] = host or None
        found["cpu_seconds"], found["memory_bytes"] = cast("tuple[None, None]", told.get("dockerd_usage", (None, None)))
        found["containers"] = cast("int | None", told.get("containers"))
    return found


def _reasons(unknown: Mapping[str, str]) -> Iterator[str]:
    """Yield why neither of those who could tell the tasks does."""
    yield from (unknown[name] for name in _BY if name in unknown)
    if database.SOURCE in unknown:
        yield f"{database.SOURCE} gives {unknown[database.SOURCE]}"


def _unknown(told: Told, unknown: Mapping[str, str], problem: str) -> dict[str, str]:
    """Return why what can't be told can't be: one who tells the tasks is enough."""
    found = {name: reason for name, reason in unknown.items() if name not in _BY}
    if not any(name in told for name in _BY):
        found["tasks"] = "; ".join(_reasons(unknown)) or "neither the API nor the database answers"
    return found | ({"settings": problem} if problem else {})
