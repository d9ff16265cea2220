"""/api, /api/serverstatus and the cluster's maintenance mode."""

import json
import sys
import threading
from datetime import timedelta

import pyodbc

from standin.octopus import about, nodes, sql, switches, users

from .request import Answer, Request, problem


_MAINTENANCE = "SELECT JSON FROM Configuration WHERE Id = 'maintenance'"
TEAPOT = 418


def root(_request: Request, _connection: pyodbc.Connection) -> Answer:
    """What this server is."""
    return 200, {
        "Application": "Octopus Deploy",
        "Version": about.version(),
        "ApiVersion": "3.0.0",
        "InstallationId": "00000000-0000-0000-0000-000000000001",
        "IsEarlyAccessProgram": False,
        "HasLongTermSupport": True,
        "Links": {
            "Self": "/api",
            "OctopusServerNodes": "/api/octopusservernodes{/id}{?skip,take,ids,partialName}",
        },
    }


def status(_request: Request, connection: pyodbc.Connection) -> Answer:
    """The server's own state."""
    return 200, {
        "IsDatabaseEncrypted": True,
        "IsUpgradeAvailable": False,
        "MaximumAvailableVersion": about.version(),
        "MaximumAvailableVersionCoveredByLicense": about.version(),
        "MaintenanceExpires": None,
        "IsInMaintenanceMode": _in_maintenance(connection),
        "IsMajorMinorUpgrade": False,
        "IsPotentialClone": False,
        "Links": {"Health": "/api/serverstatus/health", "SystemInfo": "/api/serverstatus/system-info"},
    }


def health(_request: Request, connection: pyodbc.Connection) -> Answer:
    """200, or 418 when no node of the cluster takes tasks."""
    draining = all(node.draining for node in nodes.everyone(connection))
    read_only = _in_maintenance(connection)
    return (TEAPOT if draining else 200), {
        "IsOperatingNormally": not draining and not read_only,
        "Description": "All nodes are draining." if draining else "Octopus is operating normally.",
        "IsEntireClusterReadOnly": read_only,
        "IsEntireClusterDrainingTasks": draining,
        "IsCompliantWithLicense": users.has_license(connection),
    }


def system_info(request: Request, _connection: pyodbc.Connection) -> Answer:
    """The process's figures."""
    return 200, {
        "Version": about.version(),
        "OSVersion": sys.platform,
        "ClrVersion": "8.0.0",
        "ThreadCount": threading.active_count(),
        "MinThreadPoolCount": 1,
        "Uptime": str(timedelta(seconds=int(request.state.uptime))),
        "WorkingSetBytes": _resident_bytes(),
    }


def hosted_internal(request: Request, connection: pyodbc.Connection) -> Answer:
    """2xx when the hosted services are ready, 503 before; 500 comes by itself without SQL Server."""
    if switches.value("hosted_internal") == "missing":
        return problem(404, f"The resource '{request.path}' was not found.")
    sql.number(connection, "SELECT 1")
    return (200, {"Status": "Ready"}) if request.state.warm else (503, {"Status": "Starting"})


def login(request: Request, connection: pyodbc.Connection) -> Answer:
    """Log in with user name and password: 401 while the provider is off, as for a wrong password."""
    name, password = (str(request.fields.get(field) or "") for field in ("Username", "Password"))
    if not users.can_log_in(connection) or not users.password_matches(connection, name, password):
        return problem(401, "Invalid username or password.")
    return 200, {"Username": name, "IsActive": True}


def maintenance(_request: Request, connection: pyodbc.Connection) -> Answer:
    """Whether the cluster is in maintenance mode, which is not a drain."""
    return 200, {"Id": "maintenance", "IsInMaintenanceMode": _in_maintenance(connection)}


def set_maintenance(request: Request, connection: pyodbc.Connection) -> Answer:
    """Switch the cluster's maintenance mode."""
    text = json.dumps({"IsInMaintenanceMode": request.fields.get("IsInMaintenanceMode") is True})
    connection.execute("DELETE FROM Configuration WHERE Id = 'maintenance'")
    connection.execute("INSERT INTO Configuration (Id, JSON) VALUES ('maintenance', ?)", text)
    return maintenance(request, connection)


def _in_maintenance(connection: pyodbc.Connection) -> bool:
    return json.loads(sql.text(connection, _MAINTENANCE) or "{}").get("IsInMaintenanceMode") is True


def _resident_bytes() -> int:
    import resource  # noqa: PLC0415 - asked for rarely

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
