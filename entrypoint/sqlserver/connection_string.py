"""`DB_CONNECTION_STRING`: ADO.NET text, read as Microsoft.Data.SqlClient reads it."""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field

from . import address, connection_string_syntax, keywords
from .address import Address, AddressError
from .connection_string_syntax import ConnectionStringError, Pair


__all__ = ["ConnectionString", "ConnectionStringError", "parse"]

_ENCRYPT = {"true": "mandatory", "yes": "mandatory", "false": "optional", "no": "optional"}
_NO_PASSWORD = (
    "integrated",
    "interactive",
    "devicecodeflow",
    "managedidentity",
    "msi",
    "default",
    "workloadidentity",
)
_DEFAULT_TIMEOUT = 15  # seconds, SqlClient's


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionString:
    """What a connection string says.

    `server` is the value of `Server=` as given; `host`, `port` (None: the default's or the instance's) and
    `instance` (None: the default one) are what it means. `encrypt` is `strict`, `mandatory` or `optional`.
    `encrypt_is_given` tells whether the string says so. `trust_server_certificate` is None if it isn't given.
    `authentication` has no spaces and is in lower case; empty if not given. `options` are the other keywords
    given, as SqlClient spells them out. `text` is all of it, byte for byte. Its repr shows no secret.
    """

    server: str
    host: str
    port: int | None
    instance: str | None
    database: str
    user: str
    password: str = field(repr=False)
    integrated: bool
    authentication: str
    encrypt: str
    encrypt_is_given: bool
    trust_server_certificate: bool | None
    multi_subnet_failover: bool
    connect_timeout: int
    options: Mapping[str, str] = field(repr=False)
    text: str = field(repr=False)

    @property
    def address(self) -> str:
        """Where SQL Server is, for messages: `db,1433`."""
        return str(Address(self.host, self.port, self.instance))

    @property
    def is_mirrored(self) -> bool:
        """Whether there is a failover partner, which no other kind of failover may be combined with."""
        return "Failover Partner" in self.options


def parse(text: str) -> ConnectionString:
    """Return what `text` says; raise ConnectionStringError with everything that is wrong.

    Stricter than SqlClient where Octopus can't do without: a database and a way to log in are required, and
    what Linux can't do (named pipes, LocalDB) is refused.
    """
    _encodable(text)
    problems: list[str] = []
    values = _values(text, problems)
    problems += [*_unfit(values), *_contradictions(values)]
    where = _where(values.get("Data Source", ""), problems)
    if problems:
        raise ConnectionStringError(*problems)
    return _build(text, values, where)


def _encodable(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        # `from None`: that error carries the whole text
        raise ConnectionStringError(
            f"The connection string can't be read: character {error.start + 1} isn't valid UTF-8."
        ) from None


def _values(text: str, problems: list[str]) -> dict[str, str]:
    """Return the values by their keywords' own names; the last one wins, empty is the default.

    What can't be read, and what Octopus needs and isn't there, is added to `problems`.
    """
    values: dict[str, str] = {}
    meant: set[str] = set()
    may_be_password = False
    try:
        for pair in connection_string_syntax.split(text):
            keyword = keywords.BY_NAME.get(pair.keyword)
            if keyword is None:
                near = keywords.nearest(pair.keyword)
                meant.add(keywords.BY_NAME[near.lower()].name if near else "")
                problems.append(_unknown(pair, near, after_password=may_be_password))
            else:
                values.pop(keyword.name, None)
                if pair.value is not None:
                    values[keyword.name] = pair.value
            # an unknown one may be `Pasword`: what follows may be the rest of a value that has a `;`
            may_be_password = may_be_password or keyword is None or keyword.name == "Password"
    except ConnectionStringError as error:
        problems += error.sentences  # what comes after the place that can't be read isn't known
    else:
        problems += _missing(values, meant)
    return values


def _unknown(pair: Pair, near: str | None, *, after_password: bool) -> str:
    """Return the sentence on a keyword that isn't one; it may be the rest of a password that has a `;`."""
    place = f"(character {pair.position})"
    if after_password or not pair.keyword.replace(" ", "").replace("_", "").isalpha():
        advice = f"if `{near}` is meant, correct it" if near else "correct or remove it"
        return (
            f"A keyword of the connection string {place} is unknown: {advice}; if it is a part of a value "
            "that has a `;` or `=`, put that value in quotes."
        )
    advice = f"is `{near}` meant?" if near else "SqlClient for .NET knows none of that name; remove it."
    return f"The connection string's keyword `{pair.keyword}` {place} is unknown: {advice}"


def _unfit(values: Mapping[str, str]) -> Iterable[str]:
    for name, value in values.items():
        if clause := keywords.BY_NAME[name.lower()].check(value):
            yield f"`{name}` in the connection string {clause}."


def _missing(values: Mapping[str, str], meant: Set[str]) -> Iterable[str]:
    """Yield what Octopus needs and isn't there, unless it is `meant` by a misspelt keyword."""
    if not (values.get("Data Source", "").strip() or "Data Source" in meant):
        yield "The connection string has no server: add `Server=host,port`."
    if not (values.get("Initial Catalog", "").strip() or "Initial Catalog" in meant):
        yield "The connection string has no database, and Octopus needs one of its own: add `Database=name`."
    ways = (values.get("User ID"), values.get("Authentication"), _true(values, "Integrated Security"))
    if not (any(ways) or meant & {"User ID", "Authentication", "Integrated Security"}):
        yield "The connection string has no login: add `User ID=name` and `Password=...`."


def _contradictions(values: Mapping[str, str]) -> Iterable[str]:
    method = _word(values, "Authentication")
    partner = "Failover Partner" in values
    if method and _true(values, "Integrated Security"):
        yield _either("Authentication", "Integrated Security")
    if method.endswith(_NO_PASSWORD) and "Password" in values:
        yield _either("Password", "an Authentication that takes none")
    if method.endswith("devicecodeflow") and "User ID" in values:
        yield _either("User ID", "an Authentication that takes none")
    if partner and _true(values, "Multi Subnet Failover"):
        yield _either("Failover Partner", "MultiSubnetFailover")
    if partner and _word(values, "Application Intent") == "readonly":
        yield _either("Failover Partner", "ApplicationIntent=ReadOnly")


def _either(one: str, other: str) -> str:
    return f"The connection string has both {one} and {other}: remove one of them."


def _true(values: Mapping[str, str], name: str) -> bool:
    return keywords.is_true(values.get(name, ""))


def _word(values: Mapping[str, str], name: str) -> str:
    return values.get(name, "").replace(" ", "").lower()


def _where(server: str, problems: list[str]) -> Address:
    try:
        return address.parse(server)
    except AddressError as error:
        problems.append(f"`Server` in the connection string {error}.")
        return Address("")


def _build(text: str, values: dict[str, str], where: Address) -> ConnectionString:
    options = dict(values)
    encrypt = options.pop("Encrypt", "").strip().lower()
    trust = options.pop("Trust Server Certificate", None)
    return ConnectionString(
        server=options.pop("Data Source"),
        host=where.host,
        port=where.port,
        instance=where.instance,
        database=options.pop("Initial Catalog"),
        user=options.pop("User ID", ""),
        password=options.pop("Password", ""),
        integrated=keywords.is_true(options.pop("Integrated Security", "")),
        authentication=options.pop("Authentication", "").replace(" ", "").lower(),
        encrypt=_ENCRYPT.get(encrypt, encrypt) or "mandatory",
        encrypt_is_given=bool(encrypt),
        trust_server_certificate=None if trust is None else keywords.is_true(trust),
        multi_subnet_failover=keywords.is_true(options.pop("Multi Subnet Failover", "")),
        connect_timeout=int(options.pop("Connect Timeout", _DEFAULT_TIMEOUT)),
        options=options,
        text=text,
    )
