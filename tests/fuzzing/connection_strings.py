"""Connection strings: what is read is read again from what it means, and no password is in what is said."""

import re

from entrypoint.base.errors import NodeError
from entrypoint.sqlserver import connection_string_syntax, odbc
from entrypoint.sqlserver.connection_string import ConnectionString, ConnectionStringError, parse

from . import Target, text_of


CANARY = "s3cr3t-CANARY"
DRIVERS = (odbc.Driver("FreeTDS", 0), odbc.Driver("ODBC Driver 17 for SQL Server", 17), odbc.Driver("ODBC 18", 18))
WORDS = (
    b"Server=", b"Data Source=", b"Database=", b"Initial Catalog=", b"User ID=", b"Uid=", b"Password=", b"Pwd=",
    b"Encrypt=", b"TrustServerCertificate=", b"Strict", b"Mandatory", b"Optional", b"True", b"False", b"yes", b"no",
    b"Integrated Security=SSPI", b"Connect Timeout=", b"MultiSubnetFailover=", b"Failover Partner=",
    b"Authentication=", b"Active Directory Default", b"Application Name=", b"tcp:", b"np:", b"(localdb)", b",1433",
    b"\\SQLEXPRESS", b"db", b";", b"=", b"==", b"'", b'"', b"''", b'""', b"{", b"}", b"}}", b" ", b"\t", b"\n", b"\0",
    b"\x01", b"[::1]", "ä€\u3000".encode(), b"\xff", b"Workstation ID=", b"Packet Size=512",
    b"ApplicationIntent=ReadOnly", b"sa", b"0",
)  # fmt: skip
SEEDS = (
    b"Server=db,1433;Database=Octopus;User Id=sa;Password='a;b';Encrypt=True;TrustServerCertificate=True",
    b'Data Source=tcp:[::1]\\X;Initial Catalog="o";Uid=u;Pwd="{""}}";Connect Timeout=3;Encrypt=Strict',
    b"Server=db;Database=o;Integrated Security=SSPI;App=x;Failover Partner=y",
)
_ODBC = re.compile(r"([A-Za-z_ ]+)=(?:\{((?:[^}]|\}\})*)\}|([^;]*));")


def check(data: bytes) -> None:
    """Parse, write and parse again; translate for each driver, and read that as the driver does.

    Then with a password in its midst, where the byte 2 is: no sentence has it.
    """
    before, _, after = text_of(data).partition("\x02")
    for text in (f"{before}{after}", f"{before};Password={CANARY};{after}", f"{before};Password={CANARY}{after}"):
        _check(text)


def _check(text: str) -> None:
    found = _parsed(text)
    if found is not None:
        assert _without_text(parse(_written(found))) == _without_text(found)
        for driver in DRIVERS:
            _translate(found, driver)


def _parsed(text: str) -> ConnectionString | None:
    try:
        return parse(text)
    except ConnectionStringError as error:
        assert error.sentences
        for sentence in error.sentences:
            assert sentence.endswith((".", "?")), sentence
            assert CANARY not in sentence
            assert sentence.isprintable(), sentence
        return None


def _without_text(found: ConnectionString) -> dict[str, object]:
    return {name: getattr(found, name) for name in found.__dataclass_fields__ if name != "text"}


def _written(found: ConnectionString) -> str:
    """Return a string that means the same, with every value in quotes."""
    pairs = {"Data Source": found.server, "Initial Catalog": found.database, "User ID": found.user}
    pairs |= {"Password": found.password, "Connect Timeout": str(found.connect_timeout), **found.options}
    pairs["Integrated Security"] = str(found.integrated)
    pairs["Multi Subnet Failover"] = str(found.multi_subnet_failover)
    if found.authentication:
        pairs["Authentication"] = found.authentication
    if found.encrypt_is_given:
        pairs["Encrypt"] = found.encrypt
    if found.trust_server_certificate is not None:
        pairs["Trust Server Certificate"] = str(found.trust_server_certificate)
    quoted = {name: value.replace('"', '""') for name, value in pairs.items() if value}
    return ";".join(f'{name}="{value}"' for name, value in quoted.items())


def _translate(found: ConnectionString, driver: odbc.Driver) -> None:
    try:
        translated = odbc.translate(found, driver)
    except NodeError as error:
        assert all(sentence.endswith(".") for sentence in error.sentences)
        return
    values = {
        name: bare if braced is None else braced.replace("}}", "}") for name, braced, bare in _odbc(translated.text)
    }
    assert values["Database"] == found.database
    if "PWD" in values:
        assert values["PWD"] == found.password
        assert values["UID"] == found.user


def _odbc(text: str) -> list[tuple[str, str | None, str | None]]:
    """Return name, value in braces and bare value of each attribute, as a driver reads them."""
    found, position = [], 0
    while position < len(text):
        match = _ODBC.match(text, position)
        assert match, text[position:]
        found.append((match[1], match[2], match[3]))
        position = match.end()
    return found


def pairs(text: str) -> dict[str, str] | None:
    """Return the values of `text` by keyword as they are written; None if it can't be read."""
    try:
        return {pair.keyword: pair.value or "" for pair in connection_string_syntax.split(text)}
    except ConnectionStringError:
        return None


TARGETS = (Target("connection-strings", check, (*WORDS, b"\x02"), (*SEEDS, b"Server=db\x02Database=o")),)
