"""More than the limit, in answers of the server, dockerd and SQL Server."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pyodbc
import pytest
from standin.sqlserver.testing import SqlServer

from entrypoint import http_probe
from entrypoint.base import sql_ping
from entrypoint.dockerd import container_trial, ping, watch
from entrypoint.node.facts import answers
from entrypoint.octopus import http, version_history
from entrypoint.sqlserver import connect, handshake, network, prelogin
from entrypoint.sqlserver.connection_string import parse

from . import beyond


@contextmanager
def speaker(say: bytes, family: int = socket.AF_INET, where: object = ("127.0.0.1", 0)) -> Iterator[socket.socket]:
    """Give a socket that tells whoever connects the same without end, whatever was asked."""
    with socket.socket(family) as server:
        server.bind(where)  # type: ignore[arg-type]  # of its family
        server.listen()

        def tell() -> None:
            while True:
                try:
                    client = server.accept()[0]
                except OSError:
                    return
                with client, suppress(OSError):
                    client.recv(1 << 16)
                    while True:
                        client.sendall(say)

        thread = threading.Thread(target=tell)
        thread.start()
        yield server
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


# --- answers


def _asked(say: bytes) -> str:
    with speaker(say) as server, pytest.raises(http.NoAnswerError) as caught:
        http.ask("http", server.getsockname()[1], "GET", "/", headers={}, seconds=60)
    return str(caught.value)


@beyond("an answer of the server's API")
def _(folder: Path) -> None:
    assert "too long" in _asked(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (1 << 20))


@beyond("the headers of an answer")
def _(folder: Path) -> None:
    assert "isn't HTTP" in _asked(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 100000)
    assert "too long" in _asked(b"HTTP/1.1 100 Continue\r\n\r\n" * 10)


@beyond("the Retry-After of an answer")
def _(folder: Path) -> None:
    for text in ("9" * 4000, "Fri, 31 Dec 9999 23:59:59 GMT"):
        assert http.pause_of(text) in {http.PAUSE_SECONDS[1], None}


@beyond("an answer to the probe")
def _(folder: Path) -> None:
    with speaker(b"HTTP/1.1 " + b"x" * 65536) as server:
        port, deadline = server.getsockname()[1], time.monotonic() + 60
        connection = http_probe.connect("localhost", port, deadline)
        with pytest.raises(ValueError, match="isn't HTTP"):
            http_probe.status_of(connection, "localhost", "/", deadline)
        connection.close()


@beyond("an engine's answer to a ping")
def _(folder: Path) -> None:
    with speaker(b"x" * 65536, socket.AF_UNIX, str(folder / "s")):
        assert "was answered with 'xxx" in str(ping.problem(f"unix://{folder}/s"))


@beyond("an engine's events")
def _(folder: Path) -> None:
    with speaker(b"x" * 65536, socket.AF_UNIX, str(folder / "s")):
        assert not watch._listen(f"unix://{folder}/s")


@beyond("an engine's other answers")
def _(folder: Path) -> None:
    with speaker(b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * (1 << 21), socket.AF_UNIX, str(folder / "s")):
        assert answers.containers(f"unix://{folder}/s", 60.0) is None
        with pytest.raises((ValueError, RecursionError)):
            container_trial._ask(f"unix://{folder}/s", "GET", "/")


# --- SQL Server


@beyond("SQL Server's sign of life")
def _(folder: Path) -> None:
    with speaker(b"x" * 65536) as server:
        assert sql_ping.is_answered("127.0.0.1", server.getsockname()[1], 60.0, strict=False)


@beyond("SQL Server's answer to PRELOGIN")
def _(folder: Path) -> None:
    with speaker(b"\x04\x01\xff\xff" + b"\0" * 65536) as server:
        assert prelogin.encryption("127.0.0.1", server.getsockname()[1], 30.0) is None


@beyond("SQL Server's handshake")
def _(folder: Path) -> None:
    with speaker(b"\x12\x01\x00\x08" + b"\0" * 4) as server:
        assert handshake.refusal("127.0.0.1", server.getsockname()[1], b"", by_name=False) is None


@beyond("the SQL Server Browser's answer")
def _(folder: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as browser:
        browser.bind(("127.0.0.1", 0))

        def tell() -> None:
            browser.sendto(b"x" * 60000, browser.recvfrom(64)[1])

        thread = threading.Thread(target=tell)
        thread.start()
        with pytest.raises(network.UnreachableError, match="unknown instance"):
            network.ask_browser("127.0.0.1", "octo", 30.0, browser.getsockname()[1])
        thread.join()


@beyond("SQL Server's answer to a question")
def _(folder: Path) -> None:
    with SqlServer.start(folder / "sql") as server:
        server.query("master", "CREATE TABLE T (n int)")
        for number in range(300):
            server.query("master", "INSERT INTO T VALUES (?)", number)
        with connect.connect(parse(server.connection_string())) as connection:
            assert len(connection.execute("SELECT n FROM T")) == 300
            with pytest.raises(pyodbc.DataError, match=f"more than {connect.MOST_ROWS} rows"):
                connection.execute("SELECT a.n FROM T a CROSS JOIN T b")


@beyond("versions that nodes recorded")
def _(folder: Path) -> None:
    table = "dbo.OctopusServerInstallationHistory"
    with SqlServer.start(folder / "sql") as server, server.connect(database="master") as other:
        other.execute(f"CREATE TABLE {table} (Node nvarchar(50), Version nvarchar(50), Installed datetimeoffset)")
        insert = f"INSERT INTO {table} VALUES (?, '2026.1.1', SYSDATETIMEOFFSET())"  # noqa: S608 - a literal
        for number in range(version_history.MOST + 1):
            other.execute(insert, f"octopus-{number}")
        with connect.connect(parse(server.connection_string())) as connection:
            assert len(version_history.read(connection).notes) == version_history.MOST
