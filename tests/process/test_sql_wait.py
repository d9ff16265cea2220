"""Waiting for SQL Server, with real drivers over real sockets; each client is a process with one driver."""

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import odbcini
import pyodbc
import pytest
from processes import resolved
from sqlclient import Client, ended, reasons
from standin.sqlserver.testing import SqlServer

from entrypoint.base.exitcodes import ExitCode
from entrypoint.sqlserver import handshake, master_database, network, prelogin
from entrypoint.sqlserver.connect import ConnectError, Rows
from entrypoint.sqlserver.connection_string import parse
from entrypoint.sqlserver.error_classes import UNTRUSTED, Kind, Verdict, classify
from entrypoint.sqlserver.wait_progress import WaitProgress


ENCRYPT_ON = 1  # [MS-TDS] 2.2.6.5


def at(port: int, host: str = "127.0.0.1") -> str:
    """Return a connection string for what is no SQL Server."""
    return f"Server={host},{port};Database=Octopus;User=sa;Password=Passw0rd!"


@contextmanager
def listener(*, hang_up: bool) -> Iterator[int]:
    """Accept connections, and hang up at once or never answer; give the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    connection = server.accept()[0]
                except OSError:
                    return
                if hang_up:
                    connection.close()
                else:
                    kept.append(connection)

        thread = threading.Thread(target=accept)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in kept:
            connection.close()


@pytest.fixture(params=list(odbcini.libraries()))
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Client:
    """Return a client for each driver."""
    return Client(tmp_path, request.param)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SqlServer]:
    """Start a SQL Server with a login that may use `master`, and one that may not."""
    with SqlServer.start(tmp_path / "sql", login=["sa:Passw0rd!", "low:Passw0rd!:nomaster"]) as started:
        yield started


def test_an_open_database(client: Client, server: SqlServer) -> None:
    """The connection is to the database of the connection string, at once and without a word."""
    server.query("master", "CREATE DATABASE Octopus")
    end, lines = client.run(server.connection_string("Octopus"))
    assert (end["code"], end["exists"], end["master"], end["database"]) == (0, True, True, "Octopus")
    assert not lines


def test_no_database_yet(client: Client, server: SqlServer) -> None:
    """A database that doesn't exist is known at once, as somebody has to create it."""
    end, _ = client.run(server.connection_string("Octopus"))
    assert (end["code"], end["exists"], end["master"]) == (0, False, True)


def test_no_rights_on_master(client: Client, server: SqlServer) -> None:
    """A login without rights on `master` works as long as the database itself opens."""
    server.query("master", "CREATE DATABASE Octopus")
    end, _ = client.run(server.connection_string("Octopus", "low"))
    assert (end["code"], end["exists"], end["master"]) == (0, True, False)


def test_neither_database_nor_master(client: Client, server: SqlServer) -> None:
    """Where neither opens, both reasons are given, and the wait goes on until the database is there."""
    end, lines = client.run(server.connection_string("Octopus", "low"), wait=0.5)
    assert end["code"] == ExitCode.SQL_NOT_READY
    assert "master: no access to database" in reasons(lines)[0]
    process = client.start(server.connection_string("Octopus", "low"))
    server.query("master", "CREATE DATABASE Octopus")
    assert ended(process)[0]["exists"]


@pytest.mark.parametrize("state", ["recovering", "offline", "single_user"])
def test_a_database_that_cannot_be_opened(client: Client, server: SqlServer, state: str) -> None:
    """A database that is there but closed isn't taken for a missing one."""
    server.query("master", "CREATE DATABASE Octopus")
    server.control(databases={"Octopus": state})
    end, lines = client.run(server.connection_string("Octopus"), wait=0.5)
    assert end["code"] == ExitCode.SQL_NOT_READY
    assert reasons(lines) == [state.replace("_", " ")]


def test_noticed(client: Client, server: SqlServer) -> None:
    """A SQL Server that comes up is used; how soon, `scripts/bench` tells."""
    server.kill()
    process = client.start(server.connection_string("master"), wait=60)
    time.sleep(1)
    server.launch()
    end, lines = ended(process)
    assert end["code"] == 0
    assert reasons(lines) == ["refused"]
    assert [line["level"] for line in lines] == ["publish", "warning", "info"]


def test_reasons_on_the_way_up(client: Client, server: SqlServer) -> None:
    """Each change of reason is told once."""
    server.control(login_error={"number": 17187})
    process = client.start(server.connection_string("master"))
    time.sleep(0.8)
    server.control(login_error={"number": 40613})
    time.sleep(0.8)
    server.control()
    end, lines = ended(process)
    assert end["code"] == 0
    assert reasons(lines) == ["starting up", "unavailable"]
    assert all(abs(line["since"] - time.monotonic()) < 60 for line in lines if line["level"] == "publish")


def test_refused_login(client: Client, server: SqlServer) -> None:
    """A refused login is tried four times with pauses, then it is the login's own exit code."""
    text = server.connection_string("master", password="wrong")
    end, lines = client.run(text, pause=0.2)
    assert end["code"] == ExitCode.SQL_LOGIN
    assert end["sentence"].startswith(f"SQL Server at 127.0.0.1,{server.port} refused the login (login failed): check")
    assert end["sentence"].endswith("It said: Login failed for user 'sa'.")
    assert reasons(lines) == ["login failed"]
    assert end["took"] >= 3 * 0.2


@pytest.mark.parametrize(("number", "reason"), [(18470, "login disabled"), (18486, "login locked")])
def test_unusable_login(client: Client, server: SqlServer, number: int, reason: str) -> None:
    """Why a login is refused is said where SQL Server tells."""
    server.control(login_error={"number": number})
    end, lines = client.run(server.connection_string("master"))
    assert end["code"] == ExitCode.SQL_LOGIN
    assert reasons(lines) == [reason]


def test_a_login_that_is_made_in_time(client: Client, server: SqlServer) -> None:
    """A login that fails at first isn't given up at once."""
    server.control(login_error={"number": 18456})
    process = client.start(server.connection_string("master"), pause=1)
    time.sleep(1)
    server.control()
    assert ended(process)[0]["code"] == 0


def test_nothing_listens(client: Client) -> None:
    """At the deadline the sentence has the address, the wait and the last reason."""
    end, lines = client.run(at(1), wait=0.5)
    assert end["code"] == ExitCode.SQL_NOT_READY
    assert end["sentence"].startswith("SQL Server at 127.0.0.1,1 wasn't ready within 0.5 seconds (refused): see")
    assert reasons(lines) == ["refused"]


def test_no_such_host(client: Client) -> None:
    """A name that doesn't resolve yet is waited for: in a cluster it comes with the server."""
    end, lines = client.run(at(1433, "no-such-host.invalid"), wait=0.5)
    assert end["code"] == ExitCode.SQL_NOT_READY
    assert reasons(lines) == ["no such host"]


def test_a_server_that_never_answers(client: Client) -> None:
    """A server that accepts and hangs doesn't hold the wait past its deadline."""
    with listener(hang_up=False) as port:
        end, lines = client.run(at(port), wait=2)
    assert end["code"] == ExitCode.SQL_NOT_READY
    assert reasons(lines) == ["timed out"]
    assert end["took"] < 12  # a driver's own patience is 15


def test_a_server_that_hangs_up(client: Client) -> None:
    """A server that closes at once, as one behind a proxy does while it starts, is waited for."""
    with listener(hang_up=True) as port:
        end, lines = client.run(at(port), wait=1)
    assert end["code"] == ExitCode.SQL_NOT_READY
    assert reasons(lines)[0] in {"connection reset", "connection failed"}


def test_term_while_a_login_hangs(client: Client) -> None:
    """SIGTERM ends the wait at once, even inside the driver."""
    with listener(hang_up=False) as port:
        process = client.start(at(port))
        time.sleep(1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(12) == -signal.SIGTERM  # a driver's own patience is 15
        if process.stdout:
            process.stdout.close()


def test_driver_that_cannot_be_loaded(server: SqlServer, tmp_path: Path) -> None:
    """A driver that is registered but gone is a matter of the image: no wait mends it."""
    client = Client(tmp_path, odbcini.FREETDS)
    (tmp_path / "odbcinst.ini").write_text("[FreeTDS]\nDriver=/nowhere/libtdsodbc.so\n")
    end, _ = client.run(server.connection_string("master"), wait=60)
    assert end["code"] == ExitCode.SETTINGS
    assert "can't be loaded: install it again" in end["sentence"]
    assert end["took"] < 30


def test_no_driver_at_all(tmp_path: Path) -> None:
    """Without a driver nothing is waited for."""
    client = Client(tmp_path, odbcini.FREETDS)
    (tmp_path / "odbcinst.ini").write_text("")
    end, _ = client.run(at(1), wait=60)
    assert end["code"] == ExitCode.SETTINGS
    assert end["took"] < 30


@contextmanager
def browser(answer: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """Answer one question as the SQL Server Browser does; give the port and the questions."""
    asked: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(20)

        def serve() -> None:
            try:
                question, where = sock.recvfrom(1024)
            except TimeoutError:  # nobody asks
                return
            asked.append(question)
            sock.sendto(b"\x05" + len(answer).to_bytes(2, "little") + answer, where)

        thread = threading.Thread(target=serve)
        thread.start()
        yield sock.getsockname()[1], asked
        thread.join()


def test_instance() -> None:
    """The port of a named instance is the Browser's to tell."""
    answer = b"ServerName;DB;InstanceName;OCTO;IsClustered;No;Version;16.0.1000.6;tcp;51433;;"
    with browser(answer) as (port, asked):
        assert network.ask_browser("127.0.0.1", "octo", port=port) == 51433
    assert asked == [b"\x04octo\0"]


def test_instance_without_tcp() -> None:
    """An instance that has no TCP port can't be reached."""
    answer = b"ServerName;DB;InstanceName;OCTO;np;\\\\DB\\pipe;;"
    with browser(answer) as (port, _), pytest.raises(network.UnreachableError, match="unknown instance"):
        network.ask_browser("127.0.0.1", "octo", port=port)


@pytest.mark.parametrize("told", [b"", b"0", b"65536", b"9" * 5000, b"-1", b"1 "])
def test_instance_with_a_port_that_is_none(told: bytes) -> None:
    """Whatever a Browser says, or who answers in its place, only a port is taken for one."""
    answer = b"ServerName;DB;tcp;" + told + b";;"
    with browser(answer) as (port, _), pytest.raises(network.UnreachableError, match="unknown instance"):
        network.ask_browser("127.0.0.1", "octo", port=port)


def test_no_browser() -> None:
    """A Browser that doesn't answer costs a second at most."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        with pytest.raises(network.UnreachableError, match="no SQL Server Browser"):
            network.ask_browser("127.0.0.1", "octo", 0.2, sock.getsockname()[1])


def test_any_of_the_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """One address that answers is enough, whatever the others do."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = [
            (family, socket.SOCK_STREAM, 0, "", where)
            for family, where in (
                (socket.AF_INET6, ("::1", port, 0, 0)),
                (socket.AF_INET, ("127.0.0.2", 1)),
                (socket.AF_INET, ("127.0.0.1", port)),
            )
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        network.reach("db", port, 1)
        found.pop()
        with pytest.raises(network.UnreachableError, match="refused"):
            network.reach("db", port, 1)


@pytest.mark.parametrize("kind", ["mute", "refused"])
def test_the_first_of_two_addresses_is_dead(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, dead_address: Callable[[int, str], str], kind: str
) -> None:
    """What is asked without a driver is asked of the address that answers."""
    with SqlServer.start(tmp_path, tls="required") as sql:
        places = resolved((dead_address(sql.port, kind), "127.0.0.1"), sql.port)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: places)
        assert prelogin.encryption("db", sql.port, 10.0) == ENCRYPT_ON
        assert handshake.refusal("db", sql.port, b"", by_name=True) == UNTRUSTED


def test_the_first_of_two_browsers_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A named instance is asked for at all addresses of its name."""
    with browser(b"ServerName;DB;InstanceName;OCTO;tcp;51433;;") as (port, _):
        places = resolved(("127.0.0.2", "127.0.0.1"), port, socket.SOCK_DGRAM)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: places)
        assert network.ask_browser("db", "octo", 10.0, port=port) == 51433


def test_a_line_each_15_seconds() -> None:
    """A long wait is told of every 15 seconds, a change of reason at once."""
    now, told, published = [0.0], list[tuple[float, str]](), list[str]()

    class Log:
        def debug(self, event: str, *_args: object, **_: object) -> None:
            raise AssertionError

        def info(self, event: str, *_args: object, **_: object) -> None:
            told.append((now[0], "info"))

        def warning(self, event: str, *_args: object, **_: object) -> None:
            told.append((now[0], "warning"))

    progress = WaitProgress("db,1433", Log(), lambda reason, _: published.append(reason), lambda: now[0])
    for tenth in range(500):
        now[0] = tenth / 10
        progress.failed("refused" if tenth < 200 else "starting up", "")
    assert told == [(0, "warning"), (15, "info"), (20, "warning"), (35, "info")]
    assert published == ["refused", "starting up"]
    # SQL Server may be waited for again and again in one start: what is warned of once is known
    for _ in range(3):
        WaitProgress("db,1433", Log(), lambda *_: None, lambda: 99.0).plain()
    assert told[4:] == [(now[0], "warning")]


MICROSOFT = "[Microsoft][ODBC Driver 18 for SQL Server]"


@pytest.mark.parametrize(
    ("state", "text", "verdict"),
    [
        (
            "28000",
            f"[28000] {MICROSOFT}Login failed. (18456) (SQLDriverConnect); [28000] {MICROSOFT}Not opened. (4060)",
            Verdict(Kind.NO_DATABASE, "no such database", 4060),
        ),
        (
            "28000",
            f"[28000] {MICROSOFT}[SQL Server]Login failed. The login is from an untrusted domain. (18452)",
            Verdict(Kind.LOGIN_FAILED, "login not trusted", 18452),
        ),
        (
            "42000",
            "[42000] [FreeTDS][SQL Server]Login failed for user 'x'. (18456) (SQLDriverConnect)",
            Verdict(Kind.LOGIN_FAILED, "login failed", 18456, unsure=True),
        ),
        ("HYT00", f"[HYT00] {MICROSOFT}Login timeout expired (0)", Verdict(Kind.NOT_YET, "timed out")),
        (
            "08001",
            f"[08001] {MICROSOFT}TCP Provider: Error code 0x2746 (10054) (SQLDriverConnect)",
            Verdict(Kind.NOT_YET, "connection reset", 10054),
        ),
        (
            "08001",
            f"[08001] {MICROSOFT}Encryption not supported on SQL Server. (20) (SQLDriverConnect)",
            Verdict(Kind.NEVER, "no encryption"),
        ),
        (
            "08001",
            "[08001] [FreeTDS][SQL Server]Unable to connect to data source (0) (SQLDriverConnect)",
            Verdict(Kind.NOT_YET, "connection failed"),
        ),
        ("HY000", "[HY000] [FreeTDS][SQL Server]Unknown error (0)", Verdict(Kind.NOT_YET, "connection failed")),
        ("HY000", "[HY000] [FreeTDS][SQL Server]Read failed (20004)", Verdict(Kind.NOT_YET, "connection failed")),
        ("42000", "[42000] [FreeTDS][SQL Server]Overflow. (535)", Verdict(Kind.NOT_YET, "error 535", 535)),
        ("IM002", "[IM002] [unixODBC][Driver Manager]x (0)", Verdict(Kind.NEVER, "driver missing")),
        ("HY000", f"[HY000] {MICROSOFT}[SQL Server]New. (50000)", Verdict(Kind.NOT_YET, "error 50000", 50000)),
    ],
)
def test_verdicts(state: str, text: str, verdict: Verdict) -> None:
    """What drivers and SQL Server say is sorted, whichever of several errors comes first."""
    assert classify(pyodbc.Error(state, text)) == verdict


@pytest.mark.parametrize(
    ("row", "sees_all", "reason"),
    [
        (None, 1, None),
        (None, None, None),
        (None, 0, "no such database, or no right to see it"),
        (("RECOVERING", 0), 1, "database recovering"),
        (("RESTORING", None), 1, "database restoring"),
        (("ONLINE", 0), 0, "no access to database"),
        (("ONLINE", 1), 1, "database coming up"),
    ],
)
def test_what_master_says(
    row: tuple[object, ...] | None, sees_all: int | None, reason: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQL Server refuses a closed database as it does a missing one; `master` tells them apart."""

    class Connection:
        def execute(self, statement: str, *_: object) -> Rows:
            if "VIEW ANY DATABASE" in statement:
                return Rows([(sees_all,)])
            return Rows([] if row is None else [row])

        def close(self) -> None:
            pass

    monkeypatch.setattr(master_database, "connect", lambda *_, **__: Connection())
    refused = ConnectError(Verdict(Kind.NO_DATABASE, "no such database", 4060), "Cannot open database.")
    if reason is None:
        return master_database.ask_master(parse(at(1)), refused, 1)
    with pytest.raises(ConnectError) as caught:
        master_database.ask_master(parse(at(1)), refused, 1)
    assert caught.value.verdict == Verdict(Kind.NOT_YET, reason)
    return None
