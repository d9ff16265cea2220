"""From ADO.NET to ODBC: each keyword for each driver, and passwords that real drivers read back unharmed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import odbcini
import pyodbc
import pytest
from standin.sqlserver.testing import SqlServer

from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode
from entrypoint.sqlserver.connection_string import parse
from entrypoint.sqlserver.odbc import Driver, escape, installed_driver, translate


M18 = Driver("ODBC Driver 18 for SQL Server", 18)
M17 = Driver("ODBC Driver 17 for SQL Server", 17)
FREETDS = Driver("FreeTDS", 0)
BASE = "Server=db;Database=Octopus;User ID=sa;Password=hunter2"
ROOT = Path(__file__).resolve().parents[2]
CLIENT = """
import json, sys
from entrypoint.base.errors import NodeError
from entrypoint.sqlserver.connection_string import parse
from entrypoint.sqlserver.connect import ConnectError, connect
for text in json.load(sys.stdin):
    try:
        connect(parse(text), login_timeout=5).close()
        print("ok")
    except NodeError as error:
        print("refused")
    except ConnectError as error:
        print(ascii(str(error)))
"""
NASTY = (
    "plain",
    "semi;colon",
    "open{brace",
    "close}brace",
    "}",
    "}}",
    "{}",
    "{all}",
    "};Encrypt=no;",
    "sing'le",
    'dou"ble',
    "eq=ual==s",
    "  blanks around  ",
    "back\\slash",
    "per%cent",
    "#hash@at!",
    "(paren)[bracket]",
    "äöü€",
    "a;b{c}d'e\"f=g h",
    "x" * 128,
)
NOT_FOR_FREETDS = ("{}", "{all}", "};Encrypt=no;", "a;b{c}d'e\"f=g h")


def attributes(text: str, driver: Driver) -> dict[str, str]:
    """Return the attributes of a translation, for values that have no brace or semicolon."""
    pairs = translate(parse(text), driver).text.rstrip(";").split(";")
    return {name: value[1:-1] for name, _, value in (pair.partition("=") for pair in pairs)}


@pytest.mark.parametrize(
    ("more", "driver", "expected"),
    [
        ("", M18, {"Server": "tcp:db,1433", "Database": "Octopus", "UID": "sa", "PWD": "hunter2"}),
        ("", M18, {"Encrypt": "yes", "TrustServerCertificate": "yes", "ConnectRetryCount": "0"}),
        ("TrustServerCertificate=False", M18, {"Encrypt": "yes", "TrustServerCertificate": "no"}),
        ("Encrypt=Optional", M17, {"Encrypt": "no"}),
        ("Encrypt=Strict", M18, {"Encrypt": "strict"}),
        ("TrustServerCertificate=yes", M17, {"TrustServerCertificate": "yes"}),
        (
            "ServerCertificate=/c.pem;TrustServerCertificate=False",
            M18,
            {"TrustServerCertificate": "yes", "ServerCertificate": "/c.pem"},
        ),
        ("MultiSubnetFailover=True", M18, {"MultiSubnetFailover": "yes"}),
        ("ApplicationIntent=ReadOnly", M18, {"ApplicationIntent": "ReadOnly"}),
        ("HostNameInCertificate=sql", M18, {"HostNameInCertificate": "sql"}),
        ("App=octo;WSID=pod", M17, {"APP": "octo", "WSID": "pod"}),
        ("Failover Partner=other", M17, {"Failover_Partner": "other"}),
        ("Server=db\\x", M18, {"Server": "tcp:db\\x"}),
        ("Server=::1", M18, {"Server": "tcp:::1,1433"}),
        ("", FREETDS, {"Server": "db", "Port": "1433", "TDS_Version": "7.4", "Encryption": "require"}),
        ("Encrypt=no", FREETDS, {"Encryption": "request"}),
        ("Server=db,1500", FREETDS, {"Server": "db", "Port": "1500"}),
        ("Server=db\\x", FREETDS, {"Server": "db\\x"}),
        ("ApplicationIntent=ReadOnly;App=octo;WSID=pod", FREETDS, {"APP": "octo", "WSID": "pod"}),
    ],
)
def test_attributes(more: str, driver: Driver, expected: dict[str, str]) -> None:
    """Each keyword becomes what the driver understands."""
    found = attributes(f"{BASE};{more}", driver)
    assert {name: found.get(name) for name in expected} == expected


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("SqlPassword", "SqlPassword"),
        ("Active Directory Password", "ActiveDirectoryPassword"),
        ("ActiveDirectoryServicePrincipal", "ActiveDirectoryServicePrincipal"),
    ],
)
def test_methods_with_a_password(method: str, expected: str) -> None:
    """Microsoft's driver has other names for ways to log in."""
    found = attributes(f"{BASE};Authentication={method}", M18)
    assert (found["Authentication"], found["UID"], found["PWD"]) == (expected, "sa", "hunter2")


@pytest.mark.parametrize("method", ["Active Directory Managed Identity", "ActiveDirectoryMSI"])
def test_managed_identity(method: str) -> None:
    """A managed identity goes without an account, or with the identity's client id."""
    base = f"Server=db;Database=o;Authentication={method}"
    assert {"UID", "PWD"}.isdisjoint(attributes(base, M18))
    assert attributes(base, M18)["Authentication"] == "ActiveDirectoryMsi"
    assert attributes(f"{base};User ID=1234", M18)["UID"] == "1234"


def test_integrated_security() -> None:
    """Integrated security sends no account."""
    for driver in (M18, FREETDS):
        found = attributes(f"{BASE};Integrated Security=SSPI", driver)
        assert found["Trusted_Connection"] == "yes"
        assert {"UID", "PWD"}.isdisjoint(found)


@pytest.mark.parametrize(
    ("more", "driver", "said"),
    [
        ("Encrypt=Strict", M17, "msodbcsql18"),
        ("Encrypt=Strict", FREETDS, "msodbcsql18"),
        ("Authentication=Active Directory Password", FREETDS, "isn't possible with FreeTDS"),
        ("Password=;Authentication=ActiveDirectoryManagedIdentity", FREETDS, "isn't possible with FreeTDS"),
        ("Password=;Authentication=Active Directory Interactive", M18, "doesn't know it, or asks a person"),
        ("Password=;Authentication=ActiveDirectoryWorkloadIdentity", M18, "doesn't know it"),
    ],
)
def test_what_a_driver_cannot_do(more: str, driver: Driver, said: str) -> None:
    """What can't be left out is refused with the next step."""
    with pytest.raises(NodeError, match=said) as caught:
        translate(parse(f"{BASE};{more}"), driver)
    assert caught.value.code is ExitCode.SETTINGS


def test_left_out() -> None:
    """Keywords that ODBC hasn't got are named, so that one line can tell of them."""
    found = translate(parse(f"{BASE};Max Pool Size=9;MARS_=;".replace("MARS_=;", "Enlist=no;App=x")), M18)
    assert found.left_out == ("Max Pool Size", "Enlist")
    assert "Pool" not in found.text


@pytest.mark.parametrize(
    ("more", "driver", "warned"),
    [
        ("", M18, False),
        ("", FREETDS, False),
        ("TrustServerCertificate=False", FREETDS, False),
        ("HostNameInCertificate=sql.example", FREETDS, False),
        ("HostNameInCertificate=sql.example;TrustServerCertificate=False", FREETDS, True),
        ("HostNameInCertificate=sql.example;TrustServerCertificate=False", M18, False),
        ("ServerCertificate=/c.pem;TrustServerCertificate=False", FREETDS, True),
        ("TrustServerCertificate=yes", FREETDS, False),
        ("Encrypt=no", FREETDS, False),
        ("Encrypt=no;TrustServerCertificate=False", FREETDS, True),
        ("Encrypt=no;TrustServerCertificate=False", M18, False),
        ("Password=;Authentication=ActiveDirectoryDefault", M18, True),
        ("ServerCertificate=/c.pem", M18, False),
        ("ServerCertificate=/c.pem;TrustServerCertificate=False", M18, True),
    ],
)
def test_warnings(more: str, driver: Driver, warned: bool) -> None:  # noqa: FBT001 - a column of the table
    """Where octo-node's own connection is less than what the connection string asks, it is said."""
    assert bool(translate(parse(f"{BASE};{more}"), driver).warnings) is warned


@pytest.mark.parametrize("driver", [M18, FREETDS])
@pytest.mark.parametrize(
    ("more", "noted"),
    [("", True), ("TrustServerCertificate=False", False), ("Encrypt=no", False), ("Encrypt=Strict", False)],
)
def test_note_of_trust(more: str, driver: Driver, noted: bool) -> None:  # noqa: FBT001 - a column of the table
    """Where nobody checks the certificate, because the connection string doesn't say so, it is noted."""
    if driver.is_freetds and "Strict" in more:
        return
    assert bool(translate(parse(f"{BASE};{more}"), driver).notes) is noted


def test_another_database() -> None:
    """`master` is reached with the same login; no repr shows the password."""
    found = translate(parse(BASE), M18, "master")
    assert "Database={master};" in found.text
    assert "hunter2" not in repr(found)


def test_escape() -> None:
    """A closing brace is doubled, the rest is protected by the braces around."""
    assert escape("a}b;c{d") == "{a}}b;c{d}"


@pytest.mark.parametrize(
    ("drivers", "chosen"),
    [
        (["FreeTDS", M17.name, "SQLite3", M18.name], M18),
        (["FreeTDS", M17.name], M17),
        (["PostgreSQL", "FreeTDS"], FREETDS),
    ],
)
def test_choice(drivers: list[str], chosen: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Microsoft's newest driver is taken, else FreeTDS."""
    monkeypatch.setattr(pyodbc, "drivers", lambda: drivers)
    assert installed_driver() == chosen


def test_no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a driver it is said what to install."""
    monkeypatch.setattr(pyodbc, "drivers", list)
    with pytest.raises(NodeError, match="install `msodbcsql18`") as caught:
        installed_driver()
    assert caught.value.code is ExitCode.SETTINGS


def quoted(password: str) -> str:
    """Return `password` as a value of an ADO.NET connection string."""
    return '"' + password.replace('"', '""') + '"'


@pytest.mark.parametrize("driver", odbcini.libraries())
def test_passwords_reach_the_server(driver: str, tmp_path: Path) -> None:
    """Whatever characters a password has, it reaches the server unharmed, or is refused before it is sent."""
    logins = [f"user{number}:{password}" for number, password in enumerate(NASTY)]
    with SqlServer.start(tmp_path / "sql", login=logins) as server:
        base = f"Server=127.0.0.1,{server.port};Database=master;Encrypt=no"
        texts = [f"{base};User=user{n};Password={quoted(password)}" for n, password in enumerate(NASTY)]
        done = subprocess.run(
            [sys.executable, "-c", CLIENT],
            input=json.dumps([*texts, f"{base};User=user0;Password=wrong"]),
            env=os.environ | {"PYTHONPATH": str(ROOT)} | odbcini.environment(tmp_path, [driver]),
            capture_output=True,
            text=True,
            check=True,
        )
    *answers, wrong = done.stdout.splitlines()
    expected = dict.fromkeys(NASTY, "ok")
    if driver == odbcini.FREETDS:
        expected |= dict.fromkeys(NOT_FOR_FREETDS, "refused")
    assert dict(zip(NASTY, answers, strict=True)) == expected
    assert wrong == "\"login failed: Login failed for user 'user0'.\""
