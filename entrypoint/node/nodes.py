"""Nodes: who is in the cluster, as the database tells, and taking a row away that nobody needs any more.

A scaled-down StatefulSet leaves rows behind, and each counts for the licence. Rows are taken away by the server's API:
nothing is ever written to Octopus's tables.
"""

import difflib
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pyodbc

from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode
from entrypoint.octopus import node_table, version_history
from entrypoint.octopus.api import Api, ApiError
from entrypoint.octopus.node_table import HEARTBEAT_SECONDS, HeartbeatWatch, KnownNode
from entrypoint.settings.configuration import Settings
from entrypoint.sqlserver.connect import ConnectError, Connection, connect, describe
from entrypoint.sqlserver.login_timeouts import longest_login
from entrypoint.structured_log import Logger

from . import status_tables, status_view
from .facts import database
from .facts.words import duration


SCHEMA = "octo-node.nodes/1"
_LOOK_SECONDS = 1.0
_GONE_SECONDS = 10.0  # for a row to be gone once the API has said so


def show(settings: Settings, *, as_json: bool) -> None:
    """Print the nodes of the cluster. Raise NodeError (12, 21) if the database doesn't tell."""
    with _connected(settings) as connection:
        found = database.nodes(connection, settings.octopus_server_node_name, version_history.read(connection))
    if found is None:
        raise _untold()
    if as_json:
        print(json.dumps({"schema": SCHEMA, "nodes": found}, indent=2))
    else:
        status_view.show(lambda _: status_tables.nodes_table(found))


def remove(settings: Settings, name: str, log: Logger, *, force: bool) -> None:
    """Take the row of the node `name` away, by the API of this node's server.

    Raise NodeError: (2) there is no such node; (1) it is alive, or may be, and `force` wasn't given; (21) nobody can be
    asked.
    """
    if not settings.api_key:
        raise NodeError(
            ExitCode.NODE_UNREACHABLE,
            "A node is removed by the API: set OCTO_NODE_API_KEY to a key of a user who may administer the system.",
        )
    with _connected(settings) as connection:
        node = _named(name, node_table.everyone(connection))
        if not force:
            _refuse_alive(connection, node, settings.octopus_server_node_name, log)
        try:
            Api(settings, key=settings.api_key).remove_node(node.id)
        except ApiError as error:
            if _is_known(connection, node):
                raise NodeError(
                    ExitCode.NODE_UNREACHABLE, f"{node.name} can't be removed: {error}. Its row is still there."
                ) from error
        _wait_until_gone(connection, node)
    print(f"{node.name} is removed: it doesn't count for the licence any more. If it comes back, so does its row.")


def _named(name: str, known: Sequence[KnownNode] | None) -> KnownNode:
    if known is None:
        raise _untold()
    for node in known:
        if node.name.lower() == name.lower():
            return node
    names = [node.name for node in known]
    nearest = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
    hint = f"did you mean {nearest[0]}?" if nearest else f"there are {', '.join(names) or 'none'}."
    raise NodeError(ExitCode.USAGE, f"There is no node named {name}: {hint}")


def _refuse_alive(connection: Connection, node: KnownNode, own: str, log: Logger) -> None:
    if _is_alive(connection, node, own, log):
        raise NodeError(
            ExitCode.PROBE_NO,
            f"{node.name} is alive ({_seen(node)}), so it isn't removed: stop it first, or give --force. "
            "Nothing was changed.",
        )
    if node.is_alive is None:
        raise NodeError(
            ExitCode.PROBE_NO,
            f"Whether {node.name} is alive isn't told by this database, so it isn't removed: make sure that it is "
            "stopped, and give --force. Nothing was changed.",
        )


def _is_alive(connection: Connection, node: KnownNode, own: str, log: Logger) -> bool:
    """Return whether a node lives: an old sign of life may be of a clock that is slow, so it is watched for a while."""
    if node.name.lower() == own.lower():
        return True
    if node.is_offline:
        return False
    watch, is_told = HeartbeatWatch(), False
    while True:
        rows = [row for row in node_table.others(connection, own) if row.name == node.name]
        names, unsure = watch.alive(rows)
        if names or unsure <= 0:
            return bool(names)
        if not is_told:
            is_told = True
            log.info(f"{node.name} is watched for {HEARTBEAT_SECONDS:.0f} s: its clock may be slow.")
        time.sleep(min(unsure, _LOOK_SECONDS))


def _wait_until_gone(connection: Connection, node: KnownNode) -> None:
    deadline = time.monotonic() + _GONE_SECONDS
    while _is_known(connection, node):
        if time.monotonic() >= deadline:
            raise NodeError(
                ExitCode.NODE_UNREACHABLE,
                f"The server said that {node.name} is removed, but its row is still there after {_GONE_SECONDS:.0f} s: "
                "if the node runs, it has made it anew.",
            )
        time.sleep(_LOOK_SECONDS)


def _is_known(connection: Connection, node: KnownNode) -> bool:
    return any(found.id == node.id for found in node_table.everyone(connection) or [])


def _seen(node: KnownNode) -> str:
    return "it is this one" if node.age is None else f"its last sign of life is {duration(node.age)} old"


def _untold() -> NodeError:
    return NodeError(ExitCode.NODE_UNREACHABLE, "The database has no table of nodes that this login can read.")


@contextmanager
def _connected(settings: Settings) -> Iterator[Connection]:
    string = settings.db_connection_string
    try:
        with connect(string, login_timeout=longest_login(string)) as connection:
            yield connection
    except (ConnectError, pyodbc.Error) as error:
        said = describe(error, string.password)
        raise NodeError(
            ExitCode.NODE_UNREACHABLE,
            f"SQL Server {string.address} doesn't answer: {said}. `octo-node check` tells more.",
        ) from error
