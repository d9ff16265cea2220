"""The HTTP API: which path and method is answered by what, and who may ask."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import pyodbc

from standin.octopus import users

from . import api_nodes, api_status, api_tasks
from .request import Answer, Request, problem


__all__ = ["REASONS", "Request", "answer", "problem"]

REASONS = {418: "I'm a teapot"}


@dataclass(frozen=True)
class Route:
    """One row of the API."""

    method: str
    pattern: re.Pattern[str]
    who: str
    function: Callable[[Request, pyodbc.Connection], Answer]


def _route(method: str, path: str, who: str, function: Callable[[Request, pyodbc.Connection], Answer]) -> Route:
    """A row from a path with {names} in it."""
    expression = re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", path)
    return Route(method, re.compile(expression, re.IGNORECASE), who, function)


_NODES, _STATUS, _SPACE = "/api/octopusservernodes", "/api/serverstatus", "(?:/(?P<space>Spaces-[0-9]+))?"
_ROUTES = (
    _route("GET", "/api", "anyone", api_status.root),
    _route("GET", "/ping", "anyone", api_nodes.ping),
    _route("GET", _NODES + "/ping", "anyone", api_nodes.ping),
    _route("GET", _NODES, "read", api_nodes.collection),
    _route("GET", _NODES + "/all", "read", api_nodes.everyone),
    _route("GET", _NODES + "/summary", "read", api_nodes.summary),
    _route("GET", _NODES + "/{id}/details", "read", api_nodes.details),
    _route("GET", _NODES + "/{id}", "read", api_nodes.one),
    _route("PUT", _NODES + "/{id}", "admin", api_nodes.change),
    _route("DELETE", _NODES + "/{id}", "admin", api_nodes.delete),
    _route("GET", _STATUS, "read", api_status.status),
    _route("GET", _STATUS + "/health", "anyone", api_status.health),
    _route("GET", _STATUS + "/system-info", "admin", api_status.system_info),
    _route("GET", _STATUS + "/hosted/internal", "anyone", api_status.hosted_internal),
    _route("POST", "/api/users/login", "anyone", api_status.login),
    _route("GET", "/api/maintenanceconfiguration", "read", api_status.maintenance),
    _route("PUT", "/api/maintenanceconfiguration", "admin", api_status.set_maintenance),
    _route("GET", f"/api{_SPACE}/tasks", "read", api_tasks.collection),
    _route("POST", f"/api{_SPACE}/tasks", "admin", api_tasks.create),
    _route("GET", f"/api{_SPACE}/tasks/{{id}}", "read", api_tasks.one),
    _route("POST", f"/api{_SPACE}/tasks/{{id}}/cancel", "admin", api_tasks.cancel),
    _route("POST", f"/api{_SPACE}/tasks/{{id}}/state", "admin", api_tasks.set_state),
    _route("POST", f"/api{_SPACE}/tasks/{{id}}/resume", "admin", api_tasks.resume),
)


def answer(request: Request) -> Answer:
    """Find the row for a request, check who asks, and let it answer."""
    path = request.path.rstrip("/")
    matches = [(route, found) for route in _ROUTES if (found := route.pattern.fullmatch(path))]
    if not matches:
        return problem(404, f"The resource '{request.path}' was not found.")
    for route, found in matches:
        if route.method == request.method:
            groups = {name: value for name, value in found.groupdict().items() if value}
            with request.state.database.connection() as connection:
                refused = _refused(route, request, connection)
                return refused or route.function(replace(request, names=groups), connection)
    return problem(405, f"{request.method} is not possible here.")


def _refused(route: Route, request: Request, connection: pyodbc.Connection) -> Answer | None:
    """401 for nobody, 403 for somebody without the right."""
    if route.who == "anyone":
        return None
    rights = users.rights(connection, request.key) if request.key else ""
    if not rights:
        return problem(401, "You must be logged in to request this resource. Please provide a valid API key.")
    if route.who == "admin" and rights != "admin":
        return problem(403, "You do not have permission to perform this action.")
    return None
