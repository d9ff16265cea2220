"""The stand-in SQL Server, asked by the drivers that everybody uses."""

from __future__ import annotations

import contextlib
import datetime as dt
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from decimal import Decimal

import pyodbc
import pytest
from standin.sqlserver.testing import SqlServer, odbc_drivers


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


DRIVERS = ("FreeTDS", "ODBC Driver 18 for SQL Server")
MICROSOFT = DRIVERS[1]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlServer]:
    """A server without TLS."""
    logins = ["sa:Passw0rd!", "app:secret:nomaster"]
    with SqlServer.start(tmp_path_factory.mktemp("plain"), login=logins) as server:
        yield server


@pytest.fixture(scope="module")
def encrypting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlServer]:
    """A server with TLS."""
    with SqlServer.start(tmp_path_factory.mktemp("tls"), tls="on") as server:
        yield server


@pytest.fixture(params=["plain", "encrypting"])
def server(request: pytest.FixtureRequest) -> SqlServer:
    """Either server."""
    found: SqlServer = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=DRIVERS)
def driver(request: pytest.FixtureRequest) -> str:
    """Either driver; one that isn't installed is a failure."""
    name = str(request.param)
    assert name in odbc_drivers(), f"{name} is not installed"
    return name


@pytest.fixture
def database(plain: SqlServer) -> Iterator[str]:
    """A database of the test's own, on the server without TLS."""
    name = f"db{uuid.uuid4().hex[:8]}"
    plain.query("master", f"CREATE DATABASE [{name}]")
    yield name
    plain.control()


def test_login(server: SqlServer, driver: str) -> None:
    """A login with the right password is let in and lands in master."""
    connection = server.connect(driver)
    assert tuple(connection.execute("SELECT DB_NAME(), SUSER_SNAME(), 1").fetchone()) == ("master", "sa", 1)
    connection.close()


def test_wrong_password(server: SqlServer, driver: str) -> None:
    """A wrong password is error 18456."""
    with pytest.raises(pyodbc.Error, match=r"Login failed for user 'sa'.*18456") as error:
        server.connect(driver, password="wrong")
    assert error.value.args[0] in ("28000", "42000")


def test_unknown_database(server: SqlServer, driver: str) -> None:
    """A login to a database that isn't there is error 4060."""
    # FreeTDS tells only the second of the two errors that are sent.
    wanted = "Cannot open database.*4060" if driver == MICROSOFT else "18456"
    with pytest.raises(pyodbc.Error, match=wanted):
        server.connect(driver, "nowhere")


def test_login_without_master(plain: SqlServer, driver: str, database: str) -> None:
    """A login without rights in master gets 916 there, and can ask for them elsewhere."""
    with pytest.raises(pyodbc.Error, match="916"):
        plain.connect(driver, "master", user="app", password="secret")
    connection = plain.connect(driver, database, user="app", password="secret")
    assert tuple(connection.execute("SELECT HAS_DBACCESS('master'), HAS_DBACCESS(DB_NAME())").fetchone()) == (0, 1)
    with pytest.raises(pyodbc.Error, match="916"):
        connection.execute("USE master")
    connection.close()


TABLE = """
CREATE TABLE [dbo].[Everything] (
  Id int IDENTITY(1,1) NOT NULL CONSTRAINT [PK_Everything] PRIMARY KEY CLUSTERED,
  Yes bit NOT NULL, Small tinyint NULL, Less smallint, Big bigint, Ratio float, Price decimal(18, 4),
  Name nvarchar(50), Body nvarchar(max), Old varchar(20), Fixed nchar(3), Data varbinary(max), Guid uniqueidentifier,
  Made datetime, Seen datetime2, Zoned datetimeoffset, Born date, Auto datetime2 NOT NULL DEFAULT SYSUTCDATETIME())
"""


def test_types_round_trip(plain: SqlServer, driver: str, database: str) -> None:
    """What goes into a column of any type comes out as the same value of the same Python type."""
    connection = plain.connect(driver, database)
    connection.execute(TABLE)
    guid = uuid.uuid4()
    row = (
        True, 200, -5, 2**40, 1.5, Decimal("12.3456"), "näme 😀", "x" * 9000, "old", "abc", b"\x00\xff" * 5000,
        str(guid).upper(),
        dt.datetime.fromisoformat("2024-02-29 12:34:56.123"), dt.datetime.fromisoformat("2024-02-29 01:02:03.456789"),
        "2024-02-29 12:00:00.1234567 +02:00", dt.date(1999, 12, 31),
    )  # fmt: skip
    names = "Yes, Small, Less, Big, Ratio, Price, Name, Body, Old, Fixed, Data, Guid, Made, Seen, Zoned, Born"
    marks = ", ".join("?" * 16)
    connection.execute(f"INSERT INTO dbo.Everything ({names}) VALUES ({marks})", row)  # noqa: S608 - a list of names
    listed = names.replace("Zoned", "CONVERT(nvarchar(40), Zoned)")
    found = connection.execute(f"SELECT {listed} FROM Everything").fetchone()  # noqa: S608 - as above
    assert tuple(found) == row
    assert [type(value) for value in found] == [type(value) for value in row]
    nulls = [None] * 15
    connection.execute(f"INSERT INTO dbo.Everything ({names}) VALUES (0, {', '.join('?' * 15)})", nulls)  # noqa: S608
    found = connection.execute(f"SELECT {listed} FROM Everything WHERE Id = 2").fetchone()  # noqa: S608 - as above
    assert tuple(found) == (False, *nulls)
    auto = connection.execute("SELECT Auto FROM Everything WHERE Id = 1").fetchval()
    assert abs(auto - dt.datetime.now(dt.UTC).replace(tzinfo=None)) < dt.timedelta(minutes=1)
    connection.close()


def test_datetimeoffset_is_one(plain: SqlServer) -> None:
    """A datetimeoffset column is announced as such, not as text."""
    connection = plain.connect(MICROSOFT)
    seen: list[bytes] = []

    def convert(raw: bytes) -> str:
        seen.append(raw)
        return "converted"

    connection.add_output_converter(-155, convert)
    assert connection.execute("SELECT SYSDATETIMEOFFSET()").fetchval() == "converted"
    assert len(seen[0]) == 20
    connection.close()


def test_parameters_and_prepared_statements(plain: SqlServer, driver: str, database: str) -> None:
    """A statement is prepared once and run with many values."""
    connection = plain.connect(driver, database)
    connection.execute("CREATE TABLE T (Id int NOT NULL PRIMARY KEY, Name nvarchar(20) NULL)")
    cursor = connection.cursor()
    for place in range(20):
        cursor.execute("INSERT INTO T (Id, Name) VALUES (?, ?)", place, f"n{place}")
        assert cursor.rowcount == 1
    cursor.executemany("INSERT INTO T (Id, Name) VALUES (?, ?)", [(100, "a"), (101, None)])
    assert (
        cursor.execute("SELECT COUNT(*) FROM T WHERE Id >= ? AND (Name LIKE ? OR Name IS NULL)", 5, "n1%").fetchval()
        == 11
    )
    assert cursor.execute("UPDATE T SET Name = ? WHERE Id < ?", "new", 3).rowcount == 3
    assert cursor.execute("DELETE FROM T WHERE Name = ?", "NEW").rowcount == 3
    connection.close()


@pytest.mark.parametrize("size", [1000, 1_000_000])
def test_long_strings(server: SqlServer, driver: str, size: int) -> None:
    """Strings of a million characters pass in both directions."""
    connection = server.connect(driver)
    text = ("äbc😀" * size)[:size]
    # FreeTDS cuts what it receives at its text size unless told otherwise.
    connection.execute("SET TEXTSIZE 2147483647")
    assert connection.execute("SELECT CAST(? AS nvarchar(max))", text).fetchval() == text
    connection.close()


def test_many_rows(server: SqlServer, driver: str) -> None:
    """A result of many packets arrives whole."""
    connection = server.connect(driver)
    connection.execute("CREATE TABLE #n (i int, t nvarchar(100))")
    values = ", ".join(f"({place}, N'{'x' * 50}')" for place in range(500))
    for _ in range(6):
        connection.execute(f"INSERT INTO #n (i, t) VALUES {values}")  # noqa: S608 - numbers
    rows = connection.execute("SELECT i, t FROM #n ORDER BY i").fetchall()
    assert len(rows) == 3000
    assert all(row[1] == "x" * 50 for row in rows)
    connection.close()


def test_transactions(plain: SqlServer, driver: str, database: str) -> None:
    """Changes are seen by others when they are committed, and never if they are rolled back."""
    plain.query(database, "CREATE TABLE T (Id int NOT NULL PRIMARY KEY)")
    connection = pyodbc.connect(plain.odbc_string(driver, database))
    connection.execute("INSERT INTO T VALUES (1)")
    assert plain.query(database, "SELECT COUNT(*) FROM T") == [(0,)]
    connection.commit()
    connection.execute("INSERT INTO T VALUES (2)")
    connection.rollback()
    connection.execute("INSERT INTO T VALUES (3)")
    connection.close()
    assert plain.query(database, "SELECT Id FROM T") == [(1,)]
    assert plain.query(database, "BEGIN TRAN; INSERT INTO T VALUES (9); ROLLBACK; SELECT @@TRANCOUNT, COUNT(*) FROM T")[
        -1
    ] == (0, 1)


def test_lock_timeout(plain: SqlServer, database: str) -> None:
    """A writer that may not wait for another one gets 1222."""
    plain.query(database, "CREATE TABLE T (Id int NOT NULL PRIMARY KEY)")
    first, second = plain.connect(database=database), plain.connect(database=database)
    first.execute("BEGIN TRAN; INSERT INTO T VALUES (1)")
    with pytest.raises(pyodbc.Error, match="1222"):
        second.execute("SET LOCK_TIMEOUT 50; INSERT INTO T VALUES (2)")
    first.close()
    second.execute("INSERT INTO T VALUES (1)")
    second.close()


LOCK = """SET NOCOUNT ON; DECLARE @r int;
EXEC @r = master.dbo.sp_getapplock @Resource = ?, @LockMode = N'Exclusive', @LockOwner = 'Session', @LockTimeout = ?;
SELECT @r"""
UNLOCK = "DECLARE @r int; EXEC @r = sp_releaseapplock @Resource = ?, @LockOwner = 'Session'; SELECT @r"


def test_application_lock(plain: SqlServer, driver: str, database: str) -> None:
    """An application lock excludes other sessions, counts, belongs to a database, and ends with its session."""
    first, second = plain.connect(driver, database), plain.connect(driver, database)
    assert first.execute(LOCK, "a", 0).fetchval() == 0
    assert first.execute(LOCK, "a", 0).fetchval() == 0
    assert second.execute(LOCK, "a", 50).fetchval() == -1
    assert second.execute(LOCK, "b", 0).fetchval() == 0
    elsewhere = plain.connect(driver)
    assert elsewhere.execute(LOCK, "a", 0).fetchval() == 0
    mode = "SELECT APPLOCK_MODE('public', 'a', 'Session')"
    assert (first.execute(mode).fetchval(), second.execute(mode).fetchval()) == ("Exclusive", "NoLock")
    assert first.execute(UNLOCK, "a").fetchval() == 0
    assert second.execute(LOCK, "a", 0).fetchval() == -1
    waited: list[int] = []
    waiter = threading.Thread(target=lambda: waited.append(second.execute(LOCK, "a", 5000).fetchval()))
    waiter.start()
    time.sleep(0.2)
    first.close()
    waiter.join(5)
    assert waited == [1]
    with pytest.raises(pyodbc.Error, match="1223"):
        second.execute("EXEC sp_releaseapplock @Resource = 'never', @LockOwner = 'Session'")
    second.close()
    elsewhere.close()


def test_application_lock_by_call(plain: SqlServer, driver: str, database: str) -> None:
    """The ODBC call escape runs the procedure as well."""
    connection = plain.connect(driver, database)
    connection.execute("{CALL sp_getapplock(?, 'Exclusive', 'Session', 0)}", "x")
    assert connection.execute("SELECT APPLOCK_MODE('public', 'x', 'Session')").fetchval() == "Exclusive"
    connection.close()


def test_lock_of_a_killed_client(plain: SqlServer, driver: str, database: str) -> None:
    """A client that is killed gives its lock back at once."""
    program = (
        "import pyodbc, sys, time; c = pyodbc.connect(sys.argv[1], autocommit=True);"
        "print(c.execute(sys.argv[2], 'k', 0).fetchval(), flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program, plain.odbc_string(driver, database), LOCK]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == "0\n"
        connection = plain.connect(driver, database)
        assert connection.execute(LOCK, "k", 0).fetchval() == -1
        client.send_signal(signal.SIGKILL)
        assert connection.execute(LOCK, "k", 5000).fetchval() in (0, 1)
        connection.close()


def test_deadlocks(plain: SqlServer, driver: str, database: str) -> None:
    """Of two sessions that wait for each other one is told so: -3 for application locks, 1205 for tables."""
    plain.query("master", f"CREATE DATABASE [{database}2]")
    for name in (database, f"{database}2"):
        plain.query(name, "CREATE TABLE T (Id int)")
    first, second = plain.connect(driver, database), plain.connect(driver, database)
    first.execute(LOCK, "p", 0)
    second.execute(LOCK, "q", 0)
    got: list[int] = []
    waiter = threading.Thread(target=lambda: got.append(first.execute(LOCK, "q", 5000).fetchval()))
    waiter.start()
    time.sleep(0.2)
    assert second.execute(LOCK, "p", 5000).fetchval() == -3
    second.execute(UNLOCK, "q")
    waiter.join(5)
    assert got == [1]
    first.execute("BEGIN TRAN; INSERT INTO T VALUES (1)")
    second.execute(f"BEGIN TRAN; INSERT INTO {database}2.dbo.T VALUES (1)")  # noqa: S608 - a name of ours
    waiter = threading.Thread(target=lambda: first.execute(f"INSERT INTO {database}2.dbo.T VALUES (2); COMMIT"))  # noqa: S608 - as above
    waiter.start()
    time.sleep(0.2)
    with pytest.raises(pyodbc.Error, match="1205"):
        second.execute("INSERT INTO T VALUES (3)")
    waiter.join(5)
    assert plain.query(f"{database}2", "SELECT Id FROM T") == [(2,)]
    first.close()
    second.close()


@pytest.mark.parametrize("place", ["prelogin", "login"])
def test_hanging(plain: SqlServer, driver: str, database: str, place: str) -> None:
    """A login that is never answered ends by the client's own timeout."""
    plain.control(hang=place)
    with pytest.raises(pyodbc.Error, match="HYT00"):
        pyodbc.connect(plain.odbc_string(driver, database), timeout=1)


@pytest.mark.parametrize("place", ["prelogin", "tls", "login"])
def test_silence_before_the_login(encrypting: SqlServer, place: str) -> None:
    """The server falls silent where it is told to, for clients that go on waiting: it hasn't hung up."""
    encrypting.control(hang=place)
    with socket.create_connection(("127.0.0.1", encrypting.port)) as sock:
        sock.settimeout(0.3)
        sock.sendall(bytes.fromhex("12010008000001 00".replace(" ", "")))
        answers = place != "prelogin"
        if answers:
            assert sock.recv(4096)
        with pytest.raises(TimeoutError):
            sock.recv(4096)
    encrypting.control()


@pytest.mark.parametrize("how", [{"hang": "statement"}, {"manner": {"statement": "half"}}])
def test_silence_after_the_login(plain: SqlServer, driver: str, how: dict[str, object]) -> None:
    """A query gets no answer, or half of one: by the time that the client gives it, nothing has come."""
    connection = plain.connect(driver)
    connection.timeout = 1
    plain.control(**how, hang_match="SELECT 45")
    assert connection.execute("SELECT 44").fetchval() == 44
    done = threading.Event()

    def ask() -> None:
        with contextlib.suppress(pyodbc.Error):
            connection.execute("SELECT 45").fetchall()
        done.set()

    threading.Thread(target=ask, daemon=True).start()
    assert not done.wait(0.5)
    plain.restart()
    assert done.wait(10)


def test_a_byte_a_second(plain: SqlServer) -> None:
    """An answer may trickle."""
    plain.control(manner={"prelogin": "trickle"})
    with socket.create_connection(("127.0.0.1", plain.port)) as sock:
        sock.sendall(bytes.fromhex("1201000800000100"))
        sock.settimeout(10)
        assert [len(sock.recv(4096)), len(sock.recv(4096))] == [1, 1]
    plain.control()


@pytest.mark.parametrize(("state", "own"), [("recovering", "922"), ("offline", "942")])
def test_how_a_closed_database_is_refused(plain: SqlServer, database: str, state: str, own: str) -> None:
    """A login into a closed database is refused with its own error, or as one into a missing database."""
    for closed, number in (("own", own), ("4060", "4060")):
        plain.control(databases={database: state}, closed=closed)
        with pytest.raises(pyodbc.Error, match=number):
            plain.connect(MICROSOFT, database)


def test_text_that_is_a_number(plain: SqlServer, driver: str, database: str) -> None:
    """Text beside a number is taken for one where it is one."""
    connection = plain.connect(driver, database)
    connection.execute("CREATE TABLE T (Name nvarchar(10)); INSERT INTO T VALUES ('7')")
    assert connection.execute("SELECT Name + 1 FROM T WHERE Name = 7 AND Name IN (6, 7)").fetchval() == 8
    connection.close()


def test_long_time(plain: SqlServer, driver: str) -> None:
    """DATEDIFF_BIG counts what DATEDIFF can't."""
    connection = plain.connect(driver)
    assert connection.execute("SELECT DATEDIFF_BIG(second, '2000-01-01', '2070-01-01')").fetchval() == 2209075200
    connection.close()


def test_tables_of_another_schema(plain: SqlServer, driver: str, database: str) -> None:
    """A table of another schema isn't `dbo`'s of the same name."""
    connection = plain.connect(driver, database)
    connection.execute("CREATE SCHEMA other")
    connection.execute("CREATE TABLE other.T (Id int); INSERT INTO other.T VALUES (5)")
    with pytest.raises(pyodbc.Error, match="208"):
        connection.execute("SELECT * FROM dbo.T")
    assert connection.execute("SELECT Id FROM other.T").fetchval() == 5
    asked = "SELECT SCHEMA_NAME(schema_id), name FROM sys.tables"
    joined = "SELECT s.name, t.name FROM sys.tables t INNER JOIN sys.schemas s ON s.schema_id = t.schema_id"
    assert [tuple(row) for row in connection.execute(joined)] == [("other", "T")]
    assert connection.execute(f"{asked} WHERE schema_id = SCHEMA_ID('dbo')").fetchall() == []
    assert connection.execute("SELECT OBJECT_ID('dbo.T')").fetchval() is None
    assert connection.execute("SELECT OBJECT_ID('other.T')").fetchval()
    connection.close()


def test_cancel(plain: SqlServer, driver: str, database: str) -> None:
    """A query's timeout cancels the wait for a lock, and the session goes on."""
    first, second = plain.connect(driver, database), plain.connect(driver, database)
    first.execute(LOCK, "c", 0)
    second.timeout = 1
    with pytest.raises(pyodbc.Error):
        second.execute(LOCK, "c", -1)
    second.timeout = 0
    assert second.execute("SELECT 1").fetchval() == 1
    first.close()
    assert plain.query(database, LOCK, "c", 10_000)[0][0] >= 0  # the end of a session is noticed a moment later
    second.close()


@pytest.mark.parametrize(
    ("sql", "wanted"),
    [
        ("SELECT * FROM dbo.Nothing", 208),
        ("SELECT Wrong FROM T", 207),
        ("INSERT INTO T (Id, Name) VALUES (1, 'again')", 2627),
        ("INSERT INTO T (Id, Name) VALUES (2, 'ONE')", 2601),
        ("INSERT INTO T (Id, Name) VALUES (NULL, 'x')", 515),
        ("INSERT INTO T (Id, Name) VALUES (3, 'much too long for this')", 2628),
        ("CREATE TABLE T (Id int)", 2714),
        ("CREATE DATABASE master", 1801),
        ("USE nowhere", 911),
        ("SELEC 1 FROM x", 102),
        ("SELECT 'open", 105),
        ("SELECT CAST('x' AS int)", 245),
        ("SELECT 1 FROM T WHERE Name = 1", 245),
        ("SELECT 1 FROM T WHERE Name IN (1, 2)", 245),
        ("SELECT 1 FROM T WHERE Name BETWEEN 1 AND 2", 245),
        ("SELECT Name + 1 FROM T", 245),
        ("SELECT DATEDIFF(second, '2000-01-01', '2070-01-01')", 535),
        ("SELECT @nothing", 137),
        ("SELECT NO_SUCH(1)", 195),
        ("EXEC no_such_procedure", 2812),
        ("RAISERROR('bad %s', 16, 1, 'thing')", 50000),
        ("THROW 51000, 'thrown', 1", 51000),
        ("SELECT 1 FROM T WHERE Id = (SELECT x.Id FROM U)", 208),
    ],
)
def test_errors(plain: SqlServer, driver: str, database: str, sql: str, wanted: int) -> None:
    """Errors have SQL Server's numbers."""
    connection = plain.connect(driver, database)
    connection.execute("CREATE TABLE T (Id int NOT NULL PRIMARY KEY, Name nvarchar(10))")
    connection.execute("CREATE UNIQUE INDEX IX_Name ON T (Name); INSERT INTO T VALUES (1, 'one')")
    with pytest.raises(pyodbc.Error, match=rf"\({wanted}\)"):
        connection.execute(sql)
    assert connection.execute("SELECT 1").fetchval() == 1
    connection.close()


def test_batches(plain: SqlServer, driver: str, database: str) -> None:
    """Variables, conditions, blocks, TRY and messages work as in T-SQL."""
    connection = plain.connect(driver, database)
    batch = """
    SET NOCOUNT ON
    IF OBJECT_ID(N'dbo.T', N'U') IS NULL
    BEGIN
        CREATE TABLE dbo.T (
            Id int NOT NULL, Name nvarchar(50) NOT NULL DEFAULT (N'none'), CONSTRAINT PK_T PRIMARY KEY (Id))
        INSERT INTO dbo.T (Id) VALUES (1), (2), (3)
    END
    ELSE PRINT 'there'
    IF NOT EXISTS (SELECT 1 FROM dbo.T WHERE Id = 4)
        INSERT dbo.T (Id, Name) SELECT 4, CASE WHEN 1 = 1 THEN N'four' ELSE N'' END
    DECLARE @n int = 0, @last nvarchar(50)
    WHILE @n < 3 SET @n += 1
    SELECT TOP (1) @last = Name FROM dbo.T WITH (NOLOCK) ORDER BY Id DESC
    BEGIN TRY
        INSERT INTO T (Id) VALUES (1)
    END TRY
    BEGIN CATCH
        SET @n = ERROR_NUMBER()
    END CATCH
    SELECT @n AS n, @last + N'!' AS last, COL_LENGTH('dbo.T', 'Name') AS size, (SELECT COUNT(*) FROM T) AS total
    """
    assert tuple(connection.execute(batch).fetchone()) == (2627, "four!", 100, 4)
    page = "SELECT [Id] FROM [dbo].[T] ORDER BY Id OFFSET 1 ROWS FETCH NEXT 2 ROWS ONLY"
    assert [row.Id for row in connection.execute(page).fetchall()] == [2, 3]
    insert = "INSERT INTO T (Id, Name) OUTPUT INSERTED.Id, INSERTED.Name VALUES (?, ?)"
    assert tuple(connection.execute(insert, 9, "nine").fetchone()) == (9, "nine")
    connection.execute("ALTER TABLE T ADD Flag bit NOT NULL CONSTRAINT DF_Flag DEFAULT (1)")
    assert connection.execute("SELECT Flag FROM T WHERE Id = 1").fetchval() is True
    joined = (
        f"SELECT COUNT(*) FROM T a INNER JOIN {database}.dbo.T b ON a.Id = b.Id LEFT JOIN sys.tables t ON t.name = 'T'"  # noqa: S608
    )
    assert connection.execute(joined).fetchval() == 5
    connection.close()


def test_times(plain: SqlServer, driver: str) -> None:
    """The clock, and arithmetic with it, agree with the test's."""
    connection = plain.connect(driver)
    asked = (
        "SELECT GETUTCDATE(), DATEADD(minute, -5, SYSUTCDATETIME()), "
        "DATEDIFF(second, DATEADD(second, -90, GETDATE()), GETDATE())"
    )
    now, earlier, seconds = connection.execute(asked).fetchone()
    assert abs(now - dt.datetime.now(dt.UTC).replace(tzinfo=None)) < dt.timedelta(seconds=30)
    assert abs((now - earlier).total_seconds() - 300) < 1
    assert seconds == 90
    started = time.monotonic()
    connection.execute("WAITFOR DELAY '00:00:00.200'")
    assert time.monotonic() - started >= 0.2
    connection.close()


def test_databases(plain: SqlServer, driver: str) -> None:
    """A database that is dropped and created again is a new one, with another create_date."""
    connection = plain.connect(driver)
    born = "SELECT create_date FROM sys.databases WHERE name = ?"
    name = f"Again-{driver[:4]}"
    connection.execute(f"CREATE DATABASE [{name}]")
    first = connection.execute(born, name).fetchval()
    assert isinstance(first, dt.datetime)
    inside = plain.connect(driver, name)
    with pytest.raises(pyodbc.Error, match="3702"):
        connection.execute(f"DROP DATABASE [{name}]")
    inside.close()
    time.sleep(0.05)
    connection.execute(f"DROP DATABASE [{name}]")
    assert connection.execute("SELECT DB_ID(?)", name).fetchval() is None
    connection.execute(f"IF DB_ID(N'{name}') IS NULL CREATE DATABASE [{name}]")
    assert connection.execute(born, name).fetchval() > first
    connection.close()


def test_restart(tmp_path: Path) -> None:
    """Databases and what is committed in them survive the process."""
    with SqlServer.start(tmp_path) as server:
        server.query("master", "CREATE DATABASE kept")
        server.query("kept", "CREATE TABLE T (Id int); INSERT INTO T VALUES (7)")
        before = server.query("master", "SELECT create_date FROM sys.databases WHERE name = 'kept'")
        server.restart()
        assert server.query("kept", "SELECT Id FROM T") == [(7,)]
        assert server.query("master", "SELECT create_date FROM sys.databases WHERE name = 'kept'") == before


def test_stop(tmp_path: Path) -> None:
    """SIGTERM ends it at once with exit code 0, clients or not."""
    server = SqlServer.start(tmp_path)
    connection = server.connect()
    process = server.process
    assert process is not None
    process.terminate()
    assert process.wait(2) == 0
    server.stop()
    with pytest.raises(pyodbc.Error):
        connection.execute("SELECT 1")
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", server.port)):
        pass


def test_required_encryption(tmp_path: Path, driver: str) -> None:
    """A server that requires TLS serves clients that do it."""
    with SqlServer.start(tmp_path, tls="required") as server:
        connection = server.connect(driver)
        assert connection.execute("SELECT 1").fetchval() == 1
        connection.close()


@pytest.mark.parametrize("word", ["no", "strict"])
def test_encryption_as_the_client_wants_it(encrypting: SqlServer, word: str) -> None:
    """Only the login is encrypted for a client that wants no more; under TDS 8 everything is, from the first byte."""
    text = encrypting.odbc_string(MICROSOFT).replace("Encrypt=yes", f"Encrypt={word}")
    if word == "strict":
        text += f";ServerCertificate={encrypting.data / 'server.crt'}"
    connection = pyodbc.connect(text, autocommit=True, timeout=10)
    assert connection.execute("SELECT 1").fetchval() == 1
    connection.close()


def test_control_of_logins(plain: SqlServer, driver: str, database: str) -> None:
    """The control file makes logins fail as a server does that isn't ready."""
    plain.control(
        login_error={"number": 18401, "message": "Server is in script upgrade mode.", "state": 1, "class": 14}
    )
    with pytest.raises(pyodbc.Error, match=r"script upgrade mode.*18401"):
        plain.connect(driver)
    plain.control(databases={database: "recovering"})
    with pytest.raises(pyodbc.Error, match="922"):
        plain.connect(driver, database)
    connection = plain.connect(driver)
    asked = "SELECT state_desc, DATABASEPROPERTYEX(name, 'Status') FROM sys.databases WHERE name = ?"
    assert tuple(connection.execute(asked, database).fetchone()) == ("RECOVERING", "RECOVERING")
    plain.control()
    assert tuple(connection.execute(asked, database).fetchone()) == ("ONLINE", "ONLINE")
    connection.close()


def test_control_of_statements(plain: SqlServer, driver: str, database: str) -> None:
    """The control file makes chosen statements fail, so many times, or slow, or cuts their connection."""
    connection = plain.connect(driver, database)
    plain.control(statement_errors=[{"match": "SELECT 42", "number": 1205, "message": "deadlocked", "times": 1}])
    with pytest.raises(pyodbc.Error, match="1205"):
        connection.execute("SELECT 42")
    assert connection.execute("SELECT 42").fetchval() == 42
    plain.control(statement_delay=[{"match": "SELECT 43", "seconds": 0.3}])
    started = time.monotonic()
    assert connection.execute("SELECT 43").fetchval() == 43
    assert time.monotonic() - started >= 0.3
    plain.control(drop=True)
    with pytest.raises(pyodbc.Error):
        connection.execute("SELECT 44")
    plain.control()


def test_many_sessions(plain: SqlServer, database: str) -> None:
    """Forty sessions that write at the same time all get through."""
    plain.query(
        database,
        "CREATE TABLE Counter (Id int NOT NULL PRIMARY KEY, N int NOT NULL); INSERT INTO Counter VALUES (1, 0)",
    )

    def count() -> None:
        connection = plain.connect(database=database)
        for _ in range(5):
            connection.execute("UPDATE Counter SET N = N + 1 WHERE Id = ?", 1)
        connection.close()

    threads = [threading.Thread(target=count) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert plain.query(database, "SELECT N FROM Counter") == [(200,)]


def test_control_of_what_it_says_of_itself(plain: SqlServer, database: str) -> None:
    """The control file takes roles and rights away, and gives another collation, version and time."""
    asked = (
        "SELECT IS_ROLEMEMBER('db_owner'), HAS_PERMS_BY_NAME(NULL, NULL, 'CREATE ANY DATABASE'), "
        "DATABASEPROPERTYEX(DB_NAME(), 'Collation'), SERVERPROPERTY('ProductVersion'), "
        "DATEDIFF_BIG(second, '2000-01-01', SYSUTCDATETIME())"
    )
    before = plain.query(database, asked)[0]
    plain.control(
        roles={"db_owner": 0},
        permissions={"CREATE ANY DATABASE": 0},
        collation="Latin1_General_CS_AS",
        properties={"productversion": "12.0.1"},
        clock=600,
    )
    after = plain.query(database, asked)[0]

    assert before[:2] == (1, 1)
    assert after[:4] == (0, 0, "Latin1_General_CS_AS", "12.0.1")
    assert 590 < after[4] - before[4] < 700
