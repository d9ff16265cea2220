"""What the Octopus database tells, asked with each driver of a database that isn't quite as expected."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import odbcini
import pytest
from standin.sqlserver.testing import SqlServer

from entrypoint.base.exitcodes import ExitCode


ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import json, sys
import pyodbc
from entrypoint.octopus import nodes, tables
from entrypoint.prepare import guard
from entrypoint.sqlserver.connect import connect
from entrypoint.sqlserver.connection_string import parse

text, statement = json.loads(sys.argv[1])
found = {}
connection = connect(parse(text), query_timeout=4)
print("connected", flush=True)
sys.stdin.readline()
try:
    connection.execute(statement)
except pyodbc.Error as error:
    failed = guard.failed(error, "Passw0rd!")
    found["failed"] = [type(failed).__name__, int(failed.code), str(failed)]
try:
    look = tables.look(connection)
    found |= {"has_schema": look.has_schema, "is_foreign": look.is_foreign, "newest": str(look.newest)}
    found["others"] = [[row.name, row.age] for row in nodes.others(connection, "octopus-0")]
except pyodbc.Error as error:
    found["error"] = str(error)
print(json.dumps(found))
"""
HISTORY = "CREATE TABLE dbo.OctopusServerInstallationHistory (Id int, Version {}, Installed datetimeoffset)"
NOTE = "INSERT INTO dbo.OctopusServerInstallationHistory VALUES (1, {}, '{}')"
NODES = (
    "CREATE TABLE dbo.OctopusServerNode (Id nvarchar(50), Name nvarchar(50), LastSeen datetimeoffset); "
    "INSERT INTO dbo.OctopusServerNode VALUES "
    "('1', 'octopus-0', SYSDATETIMEOFFSET()), ('2', 'octopus-1', SYSDATETIMEOFFSET()), ('3', 'fast', '2070-01-01'), "
    "('4', 'never', '0001-01-01')"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlServer]:
    """Start a SQL Server."""
    with SqlServer.start(tmp_path_factory.mktemp("sql")) as started:
        yield started


@pytest.fixture(params=list(odbcini.libraries()))
def driver(request: pytest.FixtureRequest) -> str:
    """Return the name of each driver."""
    return str(request.param)


def ask(server: SqlServer, folder: Path, driver: str, *made: str, then: str = "SELECT 1") -> dict[str, Any]:
    """Make a database of the statements `made`, run `then` in it, and return what is found."""
    database = new_database(server)
    for statement in made:
        server.query(database, statement)
    return asked(server, folder, driver, database, then)


def new_database(server: SqlServer) -> str:
    """Make a database and return its name."""
    name = f"Octopus{uuid.uuid4().hex}"
    server.query("master", f"CREATE DATABASE {name}")
    return name


def asked(
    server: SqlServer,
    folder: Path,
    driver: str,
    database: str,
    then: str,
    meanwhile: Callable[[], object] = lambda: None,
) -> dict[str, Any]:
    """Connect to the database, do something `meanwhile`, run `then` in it, and return what is found there."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | odbcini.environment(folder, [driver])
    text = json.dumps([server.connection_string(database), then])
    command = [sys.executable, "-c", PROGRAM, text]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "connected\n"
        meanwhile()
        output, errors = process.communicate("go on\n", timeout=60)
    assert process.returncode == 0, errors
    found: dict[str, Any] = json.loads(output)
    return found


def test_a_clock_that_is_far_off(server: SqlServer, tmp_path: Path, driver: str) -> None:
    """A node that was last seen in 2070 is a row as any other; one that never was isn't there."""
    found = ask(server, tmp_path, driver, NODES)
    assert "error" not in found
    assert [name for name, _ in found["others"]] == ["fast", "octopus-1"]
    assert found["others"][0][1] < -(2**30)
    assert abs(found["others"][1][1]) < 60


@pytest.mark.parametrize(
    ("made", "newest"),
    [
        ([NOTE.format("'2026.2.197'", "2026-01-01"), NOTE.format("NULL", "2026-02-01")], "2026.2.197"),
        ([NOTE.format("'2026.2.197'", "2026-01-01"), NOTE.format("'2025.4.1'", "2026-02-01")], "2026.2.197"),
        ([NOTE.format("'2025.10.1'", "2026-02-01"), NOTE.format("'2025.9.1'", "2026-01-01")], "2025.10.1"),
        ([NOTE.format("'of old'", "2026-02-01")], "None"),
        ([], "None"),
    ],
)
def test_the_newest_version(server: SqlServer, tmp_path: Path, driver: str, made: list[str], newest: str) -> None:
    """The highest version counts, whichever row is the last, and rows that tell none don't."""
    assert ask(server, tmp_path, driver, HISTORY.format("nvarchar(50)"), *made)["newest"] == newest


@pytest.mark.parametrize(("kind", "value"), [("int", "2026"), ("decimal(10, 2)", "2026.2"), ("varbinary(10)", "0x32")])
def test_a_version_of_another_type(server: SqlServer, tmp_path: Path, driver: str, kind: str, value: str) -> None:
    """A column that isn't text tells no version."""
    found = ask(server, tmp_path, driver, HISTORY.format(kind), NOTE.format(value, "2026-01-01"))
    assert (found.get("error"), found["newest"], found["has_schema"]) == (None, "None", True)


def test_tables_of_another_schema(server: SqlServer, tmp_path: Path, driver: str) -> None:
    """Tables that are called like Octopus's are another application's if they aren't in `dbo`."""
    found = ask(server, tmp_path, driver, "CREATE TABLE archive.OctopusServerNode (Id int)")
    assert (found["has_schema"], found["is_foreign"]) == (False, True)


def test_an_error_is_told(server: SqlServer, tmp_path: Path, driver: str) -> None:
    """An error that no waiting mends isn't taken for a lost server, and has its number."""
    found = ask(server, tmp_path, driver, then="SELECT DATEDIFF(second, '1900-01-01', '2070-01-01')")
    kind, code, sentence = found["failed"]
    assert (kind, code) == ("NodeError", ExitCode.SQL_NOT_READY)
    assert "535" in sentence
    assert "The datediff function resulted in an overflow" in sentence


@pytest.mark.parametrize("number", [1205, 6005, 40197])
def test_what_passes_is_a_lost_server(server: SqlServer, tmp_path: Path, driver: str, number: int) -> None:
    """A deadlock, a shutdown, a failover: the attempt begins anew."""
    server.control(statement_errors=[{"match": "SELECT 46", "number": number, "message": "It went away."}])
    found = ask(server, tmp_path, driver, then="SELECT 46")
    assert found["failed"][0] == "LostError"
    assert "error" not in found


def test_a_server_that_was_restarted_is_lost(tmp_path: Path, driver: str) -> None:
    """A session whose server is another one now is lost, whatever the driver calls that."""
    with SqlServer.start(tmp_path / "sql") as server:
        found = asked(server, tmp_path, driver, new_database(server), "SELECT 1", meanwhile=server.restart)
    assert found["failed"][0] == "LostError"


def test_a_locked_table(server: SqlServer, tmp_path: Path, driver: str) -> None:
    """A table that is locked is told as such: the lock is given up before the question is."""
    database = new_database(server)
    server.query(database, "CREATE TABLE dbo.T (Id int); INSERT INTO dbo.T VALUES (1)")
    with server.connect(database=database) as other:
        other.execute("BEGIN TRANSACTION; UPDATE dbo.T SET Id = 2")
        found = asked(server, tmp_path, driver, database, "UPDATE dbo.T SET Id = 3")
    kind, _, sentence = found["failed"]
    assert kind == "LostError"
    assert "Lock request time out period exceeded" in sentence
