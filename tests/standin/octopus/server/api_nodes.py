"""/api/octopusservernodes."""

from datetime import UTC, datetime, timedelta

import pyodbc

from standin.octopus import control, nodes, switches, tasks
from standin.octopus.nodes import Node

from .request import Answer, Request, paged, problem, unknown


TEAPOT = 418


def ping(request: Request, connection: pyodbc.Connection) -> Answer:
    """200, or 418 when the node is draining or marked offline (Issues 7964); the node in either case."""
    node = nodes.find(connection, request.state.name)
    if node is None:
        return problem(500, f"There is no node {request.state.name}.")
    status = TEAPOT if node.draining or node.offline else 200
    body = {} if switches.value("ping_body") == "empty" else _resource(node)
    return int(control.number("ping_status", status)), body


def collection(request: Request, connection: pyodbc.Connection) -> Answer:
    """A page of all nodes."""
    partial = request.query.get("partialname", "").lower()
    found = [_resource(node) for node in nodes.everyone(connection) if partial in node.name.lower()]
    return paged(request, "OctopusServerNode", found)


def everyone(_request: Request, connection: pyodbc.Connection) -> Answer:
    """All nodes, without pages."""
    return 200, [_resource(node) for node in nodes.everyone(connection)]


def summary(_request: Request, connection: pyodbc.Connection) -> Answer:
    """All nodes with what they are doing."""
    found = [
        {
            "Id": node.id,
            "Name": node.name,
            "MaxConcurrentTasks": node.cap,
            "IsInMaintenanceMode": node.draining,
            "LastSeen": _last_seen(node),
            "IsOffline": not node.alive,
            "RunningTaskCount": tasks.running_count(connection, node.id),
            "Links": {"Node": f"/api/octopusservernodes/{node.id}"},
        }
        for node in nodes.everyone(connection)
    ]
    return 200, {"Nodes": found, "Links": {"Self": "/api/octopusservernodes/summary"}}


def details(request: Request, connection: pyodbc.Connection) -> Answer:
    """How many tasks a node has under way."""
    node = _named(request, connection)
    if node is None:
        return unknown(request)
    return 200, {"Id": node.id, "RunningTasks": tasks.running_count(connection, node.id)}


def one(request: Request, connection: pyodbc.Connection) -> Answer:
    """One node."""
    node = _named(request, connection)
    return unknown(request) if node is None else (200, _resource(node))


def change(request: Request, connection: pyodbc.Connection) -> Answer:
    """Change the cap and the drain flag; nothing else of a node can be written."""
    node = _named(request, connection)
    if node is None:
        return unknown(request)
    cap = request.fields.get("MaxConcurrentTasks", node.cap)
    if not isinstance(cap, int) or cap < 0:
        return problem(400, "MaxConcurrentTasks must be a number.")
    nodes.set_cap(connection, node.name, cap)
    draining = request.fields.get("IsInMaintenanceMode", node.draining) is True
    nodes.set_draining(connection, node.name, draining=draining)
    return one(request, connection)


def delete(request: Request, connection: pyodbc.Connection) -> Answer:
    """Forget a node; its tasks become failed."""
    node = _named(request, connection)
    if node is None:
        return unknown(request)
    for task in tasks.active(connection):
        if task.node_id == node.id:
            tasks.finish(connection, task.id, tasks.FAILED, "The node was deleted.")
    connection.execute("DELETE FROM OctopusServerNode WHERE Id = ?", node.id)
    return 200, {}


def _named(request: Request, connection: pyodbc.Connection) -> Node | None:
    wanted = request.names["id"].lower()
    return next((node for node in nodes.everyone(connection) if node.id.lower() == wanted), None)


def _resource(node: Node) -> dict[str, object]:
    return {
        "Id": node.id,
        "Name": node.name,
        "MaxConcurrentTasks": node.cap,
        "IsInMaintenanceMode": node.draining,
        "LastModifiedOn": None,
        "LastModifiedBy": None,
        "Links": {"Self": f"/api/octopusservernodes/{node.id}"},
    }


def _last_seen(node: Node) -> str | None:
    if node.age is None:
        return None
    return (datetime.now(UTC) - timedelta(seconds=node.age)).isoformat(timespec="milliseconds")
