"""`octo-node check`: what a start would end with, told without starting or changing anything."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import odbcini
import pytest
from node import DATABASE, Node
from processes import OCTO_NODE, ROOT
from standin.sqlserver.testing import SqlServer

from entrypoint.base.exitcodes import ExitCode


@pytest.fixture(scope="module")
def sql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlServer]:
    """Start a SQL Server with TLS, and with the database."""
    with SqlServer.start(tmp_path_factory.mktemp("sql"), tls="on") as started:
        started.query("master", f"CREATE DATABASE {DATABASE}")
        yield started


@pytest.fixture(params=list(odbcini.libraries()))
def node(request: pytest.FixtureRequest, tmp_path: Path, sql: SqlServer) -> Iterator[Node]:
    """Give a node that isn't started, with each driver."""
    sql.control()
    with Node(tmp_path / "node", sql, **odbcini.environment(tmp_path, [request.param])) as made:
        yield made


def check(node: Node, *options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run `octo-node check` where the node would run."""
    command = [*OCTO_NODE, "check", *options]
    environment = node.environment | environ
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def files(folder: Path) -> list[str]:
    """Return all that is in a folder."""
    return sorted(str(path) for path in folder.rglob("*"))


@pytest.mark.parametrize("options", [[], ["--commands"]])
def test_nothing_wrong(node: Node, options: list[str]) -> None:
    """Where a start would succeed it says so, and leaves no folder and no file behind."""
    before = files(node.root)
    done = check(node, *options)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("Preflight found no problems.\n")
    assert ("create-instance" in done.stdout) == bool(options)
    assert files(node.root) == before


def test_no_rights(node: Node) -> None:
    """A folder that couldn't be made is known without making it (18)."""
    (node.root / "etc").write_text("")
    done = check(node)
    assert done.returncode == ExitCode.NOT_WRITABLE
    assert f"problem: {node.root}/etc/octopus" in done.stdout


def test_sql_server_is_down(node: Node) -> None:
    """Where nothing listens a start would end with 12; the commands are those for a new database."""
    text = f"Server=127.0.0.1,1;Database={DATABASE};User=sa;Password=Passw0rd!"
    done = check(node, "--json", "--commands", DB_CONNECTION_STRING=text)
    found = json.loads(done.stdout)
    assert (done.returncode, found["code"]) == (12, 12)
    assert found["problems"][0]["problem"].startswith("SQL Server at 127.0.0.1,1 isn't ready (refused): see that")
    assert any("--create" in command for command in found["commands"])


@pytest.mark.parametrize("place", ["tls", "login", "statement"])
def test_sql_server_is_silent(node: Node, sql: SqlServer, place: str) -> None:
    """A server that falls silent has the time that the connection string gives it (12)."""
    sql.control(hang=place)
    done = check(node, DB_CONNECTION_STRING=f"{sql.connection_string(DATABASE)};Connect Timeout=1")
    assert done.returncode == ExitCode.SQL_NOT_READY
    assert "isn't ready (timed out)" in done.stdout


def test_refused_login(node: Node, sql: SqlServer) -> None:
    """A wrong password is tried once (13)."""
    done = check(node, DB_CONNECTION_STRING=sql.connection_string(DATABASE, password="wrong"))
    assert done.returncode == ExitCode.SQL_LOGIN
    assert "problem: SQL Server" in done.stdout
    assert "refused the login" in done.stdout


def test_a_new_database(node: Node, sql: SqlServer) -> None:
    """A database that isn't there yet is nothing wrong: a start makes it."""
    done = check(node, DB_CONNECTION_STRING=sql.connection_string("Other"))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("content", "said"), [(None, "No such file"), ("", "has no certificate in PEM")])
def test_nothing_to_trust(node: Node, sql: SqlServer, tmp_path: Path, content: str | None, said: str) -> None:
    """A file of certificates that isn't there, or has none, is a warning: the server would just not trust them."""
    file = tmp_path / "ca.crt"
    if content is not None:
        file.write_text(content)
    done = check(node, DB_CONNECTION_STRING=sql.connection_string(DATABASE), SSL_CERT_FILE=str(file))
    assert done.returncode == 0, done.stdout
    assert f"warning: SSL_CERT_FILE is {file}, but that " in done.stdout
    assert said in done.stdout


def test_what_is_not_checked(node: Node, sql: SqlServer) -> None:
    """What the ODBC driver can't check as Octopus.Server does is a warning; a certificate of nobody's is refused."""
    text = sql.connection_string(DATABASE).replace("TrustServerCertificate=True", "TrustServerCertificate=False")
    done = check(node, DB_CONNECTION_STRING=text)
    assert done.returncode == ExitCode.SQL_NOT_READY
    assert "isn't trusted" in done.stdout
    done = check(node, DB_CONNECTION_STRING=f"{text};ServerCertificate=/sql.pem")
    assert done.returncode == 0
    assert "warning: The ODBC driver" in done.stdout
    assert "octo-node's own connections don't check it" in done.stdout
