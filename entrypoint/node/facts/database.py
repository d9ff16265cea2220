"""What SQL Server answers: whether it does, how fast, and what the Octopus database tells of its nodes and tasks."""

import time
from collections.abc import Iterator

import pyodbc

from entrypoint.base.errors import NodeError
from entrypoint.octopus import node_table, queries, tables, version_history
from entrypoint.settings.configuration import Settings
from entrypoint.sqlserver.connect import ConnectError, Connection, connect, describe

from . import answers
from .schema import ClusterNode, Sql


SOURCE = "SQL Server"  # what it is called among the sources
_VERSION = "SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(50))"


def place(settings: Settings, trouble: str) -> Sql:
    """Return where SQL Server is, and what keeps it from answering."""
    string = settings.db_connection_string
    return Sql(
        address=str(string.address),
        database=string.database,
        answers=None,
        login_seconds=None,
        answer_seconds=None,
        trouble=trouble,
    )


def fragments(settings: Settings, seconds: float) -> Iterator[dict[str, object]]:
    """Yield what SQL Server answers, piece by piece, as parts of the facts; a login may take the `seconds`."""
    string = settings.db_connection_string
    begun = time.monotonic()
    found = place(settings, "")
    limit = max(int(seconds), 1)
    try:
        with connect(string, login_timeout=limit, query_timeout=limit) as connection:
            found["login_seconds"] = round(time.monotonic() - begun, 3)
            yield {"sql": found | {"trouble": "it took the login, but didn't answer a question in time"}}
            begun = time.monotonic()
            connection.execute("SELECT 1")
            found["answer_seconds"] = round(time.monotonic() - begun, 4)
            yield {"sql": found | {"answers": True}}
            yield from _of_octopus(connection, settings.octopus_server_node_name)
    except ConnectError as error:
        # FreeTDS tells no difference, and a second login to find out might lock the account
        why = f"the login is refused, or {string.database} isn't there yet" if error.verdict.unsure else str(error)
        yield {"sql": found | {"answers": False, "trouble": why}}
    except NodeError as error:
        yield {"sql": found | {"answers": False, "trouble": str(error)}}
    except pyodbc.Error as error:
        told = describe(error, string.password)
        yield {"unknown": {"database": told}}


def _of_octopus(connection: Connection, own: str) -> Iterator[dict[str, object]]:
    """Yield what the database tells, what is asked most first. Raise pyodbc.Error if it is lost."""
    try:
        yield {"tasks_by_sql": answers.told(tables.running_tasks(connection, own))}
    except queries.UnknownError as error:
        yield {"unknown": {"tasks_by_sql": f"the database doesn't tell: {error}"}}
    yield {"queued": tables.queued_tasks(connection)}
    history = version_history.read(connection)
    yield {"schema_version": None if history.highest is None else history.highest.text}
    yield {"nodes": nodes(connection, own, history)}
    try:
        yield {"sql_version": str(queries.rows(connection, _VERSION).fetchval())}
    except queries.UnknownError:
        pass


def nodes(connection: Connection, own: str, history: version_history.History) -> list[ClusterNode] | None:
    """Return all nodes of the database, `own` among them; None if its tables don't tell."""
    known = node_table.everyone(connection)
    if known is None:
        return None
    running = tables.running_by_node(connection)
    return [
        ClusterNode(
            id=node.id,
            name=node.name,
            is_this=node.name.lower() == own.lower(),
            version=None if (version := history.last_of(node.name)) is None else version.text,
            seen_seconds=node.age,
            is_alive=node.is_alive,
            is_offline=node.is_offline,
            is_draining=node.is_draining,
            cap=node.cap,
            tasks=None if running is None else running.get(node.id, 0),
        )
        for node in known
    ]
