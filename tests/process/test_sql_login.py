"""Logging in wherever Octopus.Server itself would: trust, encryption, slow logins, several addresses."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import odbcini
import pytest
from sqlclient import Client, with_hosts
from standin.sqlserver.testing import SqlServer

from entrypoint.base.exitcodes import ExitCode


SOON = 25  # seconds; what is for good ends long before the minute that it may wait
WAIT = 60


@pytest.fixture(params=list(odbcini.libraries()))
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Client:
    """Return a client for each driver."""
    return Client(tmp_path, request.param)


@pytest.fixture
def microsoft(tmp_path: Path) -> Client:
    """Return a client with Microsoft's driver."""
    return Client(tmp_path, odbcini.MICROSOFT)


def without(server: SqlServer, *, trust: str = "", encrypt: str = "") -> str:
    """Return a connection string that has only what is given of trust and encryption."""
    text = f"Server=tcp:127.0.0.1,{server.port};Database=master;User Id=sa;Password=Passw0rd!"
    return text + (f";TrustServerCertificate={trust}" if trust else "") + (f";Encrypt={encrypt}" if encrypt else "")


def test_trusted_unless_told_otherwise(client: Client, tmp_path: Path) -> None:
    """A certificate that nobody issued is no obstacle, as for Octopus.Server; that it isn't checked is said once."""
    with SqlServer.start(tmp_path / "sql", tls="on") as server:
        end, lines = client.run(without(server), wait=WAIT)
    assert end["code"] == 0
    assert ["certificate isn't checked" in line["event"] for line in lines if line["level"] == "info"] == [True]
    assert not [line for line in lines if line["level"] == "warning"]


def test_untrusted_certificate(client: Client, tmp_path: Path) -> None:
    """`TrustServerCertificate=False` ends the wait at once, with both drivers, if nobody trusted issued it."""
    with SqlServer.start(tmp_path / "sql", tls="on") as server:
        end, _ = client.run(without(server, trust="False"), wait=WAIT)
    assert end["code"] == ExitCode.SQL_NOT_READY
    assert "isn't trusted, as the connection string asks: set SSL_CERT_FILE to a file" in end["sentence"]
    assert end["took"] < SOON


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR", "both"])
def test_own_authority(client: Client, tmp_path: Path, variable: str) -> None:
    """What .NET trusts both drivers trust: a file, and any file in a folder, whatever its name."""
    with SqlServer.start(tmp_path / "sql", tls="on") as server:
        server.query("master", "SELECT 1")
        authorities = tmp_path / "authorities"
        authorities.mkdir()
        (authorities / "any name").write_text("Our own:\n" + (server.data / "server.crt").read_text())
        if variable != "SSL_CERT_FILE":
            client.environment["SSL_CERT_DIR"] = f"/nowhere:{authorities}"
        if variable != "SSL_CERT_DIR":
            empty = variable == "both"
            client.environment["SSL_CERT_FILE"] = "/dev/null" if empty else str(authorities / "any name")
        # Microsoft's compares no addresses, and for `localhost` asks for the machine's own name first
        client.above = with_hosts(tmp_path / "hosts", f"127.0.0.1 localhost {socket.gethostname()}\n")
        named = without(server, trust="False").replace("127.0.0.1", "localhost")
        end, lines = client.run(named, wait=WAIT)
    assert end["code"] == 0, end
    assert not [line for line in lines if line["level"] == "warning"]


def test_certificate_for_another_host(client: Client, tmp_path: Path) -> None:
    """The advice is the keyword that helps, and it does help; FreeTDS, which doesn't know it, says what that means."""
    with SqlServer.start(tmp_path / "sql", tls="on", certificate_name="sql.example") as server:
        server.query("master", "SELECT 1")
        client.environment["SSL_CERT_FILE"] = str(server.data / "server.crt")
        end, _ = client.run(without(server, trust="False"), wait=WAIT)
        named, lines = client.run(without(server, trust="False") + ";HostNameInCertificate=sql.example", wait=WAIT)
    assert end["code"] == ExitCode.SQL_NOT_READY
    assert "add `HostNameInCertificate=`" in end["sentence"]
    assert end["took"] < SOON
    assert named["code"] == 0
    is_freetds = "FreeTDS" in (tmp_path / "odbcinst.ini").read_text()
    assert [line["level"] for line in lines if "HostNameInCertificate" in line["event"]] == ["warning"] * is_freetds


def test_no_encryption(client: Client, tmp_path: Path) -> None:
    """Encryption that is asked for and isn't there is known at once; where nobody asks, there is a warning."""
    with SqlServer.start(tmp_path / "sql") as server:
        end, _ = client.run(without(server, encrypt="True"), wait=WAIT)
        checked, _ = client.run(without(server, trust="False"), wait=WAIT)
        plain, lines = client.run(without(server), wait=WAIT)
    assert [each["code"] for each in (end, checked)] == [ExitCode.SQL_NOT_READY, ExitCode.SQL_NOT_READY]
    assert "doesn't encrypt" in end["sentence"]
    assert end["took"] < SOON
    assert plain["code"] == 0
    assert any("isn't encrypted" in line["event"] for line in lines if line["level"] == "warning")


def test_strict_without_tds_8(microsoft: Client, tmp_path: Path) -> None:
    """A server before 2022 hangs up on `Strict`: that is told from one that is starting."""
    with SqlServer.start(tmp_path / "sql", tls="on", no_tds8=True) as server:
        end, _ = microsoft.run(without(server, encrypt="Strict"), wait=WAIT)
    assert end["code"] == ExitCode.SQL_NOT_READY
    assert "doesn't speak TDS 8" in end["sentence"]
    assert end["took"] < SOON


def test_no_tls_version_in_common(client: Client, tmp_path: Path) -> None:
    """TLS 1.0 alone is never enough, with FreeTDS where the certificate is checked, so it isn't waited for."""
    trust = "False" if "FreeTDS" in (tmp_path / "odbcinst.ini").read_text() else ""
    with SqlServer.start(tmp_path / "sql", tls="on", tls_version="1.0") as server:
        end, _ = client.run(without(server, trust=trust), wait=WAIT)
    assert end["code"] == ExitCode.SQL_NOT_READY
    assert "no TLS version in common" in end["sentence"]
    assert end["took"] < SOON


def test_a_slow_login(client: Client, tmp_path: Path) -> None:
    """A login of five seconds succeeds, after those that were given less."""
    with SqlServer.start(tmp_path / "sql") as server:
        server.control(login_delay=4.5)
        end, lines = client.run(server.connection_string(), wait=WAIT)
    assert end["code"] == 0
    assert [line["reason"] for line in lines if line["level"] == "publish"] == ["timed out"]


@contextmanager
def dead_address(host: str, port: int) -> Iterator[None]:
    """Have connections to `host` begin and never come to anything: its queue is full."""
    with socket.create_server((host, port), backlog=0):
        waiting = [socket.socket() for _ in range(4)]
        for sock in waiting:
            sock.setblocking(False)  # noqa: FBT003 - that is its only parameter
            sock.connect_ex((host, port))
        yield
        for sock in waiting:
            sock.close()


def test_two_addresses(client: Client, tmp_path: Path) -> None:
    """A name whose first address is dead connects by the second."""
    isolated = with_hosts(tmp_path / "hosts", "127.0.0.1 localhost\n127.0.0.2 db\n127.0.0.3 db\n")
    with SqlServer.start(tmp_path / "sql", host="127.0.0.3") as server, dead_address("127.0.0.2", server.port):
        text = f"Server=db,{server.port};Database=master;User Id=sa;Password=Passw0rd!;Encrypt=False"
        program = "import sys; from entrypoint.sqlserver import connect, connection_string as said; "
        program += "print(connect.connect(said.parse(sys.argv[1]), login_timeout=4).execute('SELECT 7').fetchval())"
        begun = time.monotonic()
        done = subprocess.run(
            [*isolated, sys.executable, "-c", program, text],
            env=client.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.stdout == "7\n", done.stderr
    assert time.monotonic() - begun < SOON
