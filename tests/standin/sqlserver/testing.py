"""The stand-in as tests use it: a process to start, kill and ask."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import pyodbc

from . import control as control_file


PASSWORD = "Passw0rd!"
TESTS = Path(__file__).resolve().parents[2]


def odbc_drivers() -> dict[str, str]:
    """The ODBC drivers that are there: their names, and how a connection string names them."""
    drivers = {}
    if "FreeTDS" in pyodbc.drivers():
        drivers["FreeTDS"] = "{FreeTDS}"
    for name in pyodbc.drivers():
        if name.startswith("ODBC Driver 1"):
            drivers[name] = f"{{{name}}}"
    spec = importlib.util.find_spec("mssql_python_odbc")
    if "ODBC Driver 18 for SQL Server" not in drivers and spec and spec.submodule_search_locations:
        folder = Path(next(iter(spec.submodule_search_locations)))
        for library in sorted(folder.glob("libs/linux/debian_ubuntu/*/lib/libmsodbcsql-18*.so*")):
            if os.uname().machine.replace("aarch64", "arm64") in str(library):
                drivers["ODBC Driver 18 for SQL Server"] = f"{{{library}}}"
    return drivers


class SqlServer:
    """A stand-in SQL Server in a process of its own; `options` are its command line's."""

    def __init__(self, data: Path, port: int | None = None, **options: Any) -> None:  # noqa: ANN401 - as on a command line
        self.data = Path(data)
        self.port = port or 0
        self.options = options
        self.process: subprocess.Popen[str] | None = None

    @classmethod
    def start(cls, data: Path, port: int | None = None, **options: Any) -> Self:  # noqa: ANN401 - as above
        """Start a server and wait until it accepts."""
        return cls(data, port, **options).launch()

    def launch(self, *, wait: bool = True) -> Self:
        """Start the process; without `wait` it may not be accepting yet, and `port` must have been given."""
        command = [sys.executable, "-m", "standin.sqlserver", "--data", str(self.data), "--port", str(self.port)]
        for name, value in self.options.items():
            for each in value if isinstance(value, (list, tuple)) else [value]:
                option = f"--{name.replace('_', '-')}"
                command += [option] if each is True else [option, str(each)]
        environment = {**os.environ, "PYTHONPATH": str(TESTS)}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        if wait and self.process.stdout:
            line = self.process.stdout.readline()
            if not line.startswith("listening "):
                raise RuntimeError(f"the stand-in SQL Server ended with {self.process.wait()}")
            self.port = int(line.rpartition(":")[2])
        return self

    def __enter__(self) -> Self:
        """Be a context that ends the server."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the server."""
        self.stop()

    def stop(self) -> None:
        """End it with SIGTERM."""
        if self.process is not None:
            self.process.terminate()
            self._gone()

    def kill(self) -> None:
        """End it with SIGKILL."""
        if self.process is not None:
            self.process.kill()
            self._gone()

    def _gone(self) -> None:
        if self.process is not None:
            self.process.wait(10)
            if self.process.stdout:
                self.process.stdout.close()
            self.process = None

    def restart(self) -> None:
        """End it, if it runs, and start it on the same port and data."""
        self.kill()
        self.launch()

    def control(self, **keys: Any) -> None:  # noqa: ANN401 - it is JSON
        """Replace the control file."""
        control_file.write(self.data, **keys)

    def connection_string(self, database: str = "master", user: str = "sa", password: str = PASSWORD) -> str:
        """A connection string as Microsoft.Data.SqlClient reads it."""
        parts = [f"Server=tcp:127.0.0.1,{self.port}", f"Database={database}", f"User Id={user}"]
        parts += [f"Password={password}", "TrustServerCertificate=True"]
        if self.options.get("tls", "off") == "off":
            parts.append("Encrypt=False")
        return ";".join(parts)

    def odbc_string(self, driver: str, database: str = "", user: str = "sa", password: str = PASSWORD) -> str:
        """A connection string for a driver of `odbc_drivers`."""
        parts = [f"DRIVER={odbc_drivers()[driver]}", f"UID={user}", f"PWD={{{password}}}"]
        parts += [f"DATABASE={database}"] if database else []
        encrypted = self.options.get("tls", "off") != "off"
        if driver == "FreeTDS":
            parts += ["SERVER=127.0.0.1", f"PORT={self.port}", "TDS_Version=7.4"]
            parts.append(f"Encryption={'require' if encrypted else 'off'}")
        else:
            parts += [f"SERVER=tcp:127.0.0.1,{self.port}", "TrustServerCertificate=yes"]
            parts.append(f"Encrypt={'yes' if encrypted else 'no'}")
        return ";".join(parts)

    def connect(self, driver: str = "", database: str = "", **login: str) -> pyodbc.Connection:
        """Connect through pyodbc, with autocommit."""
        driver = driver or next(iter(odbc_drivers()))
        return pyodbc.connect(self.odbc_string(driver, database, **login), autocommit=True, timeout=10)

    def query(self, database: str, sql: str, *params: object) -> list[tuple[Any, ...]]:
        """Run a statement and give its rows; a statement without a result gives none."""
        connection = self.connect(database=database)
        try:
            cursor = connection.execute(sql, *params)
            while cursor.description is None:
                if not cursor.nextset():
                    return []
            return [tuple(row) for row in cursor.fetchall()]
        finally:
            connection.close()
