"""The keywords of an ADO.NET connection string, and what their values may be.

Names, synonyms, limits and defaults are those of Microsoft.Data.SqlClient for .NET (not .NET Framework):
`SqlConnectionOptions.cs`, `DbConnectionStringKeywords.cs`, `DbConnectionStringSynonyms.cs`, `TdsEnums.cs` in
https://github.com/dotnet/SqlClient.
"""

import re
from collections.abc import Callable
from difflib import get_close_matches
from typing import NamedTuple


Check = Callable[[str], str | None]  # a value -> None, or what it must be ("must be ...")

_LARGEST_INT = 2**31 - 1
_INTEGER = re.compile(r"\s*[+-]?[0-9]{1,20}\s*")
_YES, _NO = ("true", "yes"), ("false", "no")


class Keyword(NamedTuple):
    """A keyword: how it is spelled out, the check of its values, its synonyms."""

    name: str
    check: Check
    synonyms: tuple[str, ...] = ()


def nearest(name: str, cutoff: float = 0.75) -> str | None:
    """Return the keyword or synonym that is spelled most like `name`, None if none is; `cutoff` is 0 to 1."""
    found = get_close_matches(name.lower(), BY_NAME, n=1, cutoff=cutoff)
    return _SPELLED[found[0]] if found else None


def is_true(value: str) -> bool:
    """Return whether a checked boolean `value` is a yes; SSPI is one too."""
    return value.strip().lower() in (*_YES, "sspi")


def _text(longest: int = 128) -> Check:
    return lambda value: None if len(value) <= longest else f"may have {longest} characters at most"


def _number(least: int = 0, most: int = _LARGEST_INT) -> Check:
    def check(value: str) -> str | None:
        if _INTEGER.fullmatch(value) and least <= int(value) <= most:
            return None
        bounds = f"of {least} or more" if most == _LARGEST_INT else f"from {least} to {most}"
        return f"must be a whole number {bounds}"

    return check


def _one_of(*words: str, spaced: bool = False) -> Check:
    """Return a check for one of `words`; `spaced` ones may be written with their spaces or with none."""
    known = {word.lower() for word in words} | {word.lower().replace(" ", "") for word in words if spaced}
    listed = f"{', '.join(words[:-1])} or {words[-1]}"
    return lambda value: None if value.strip().lower() in known else f"must be {listed}"


_boolean = _one_of("True", "False", "Yes", "No")
_text_128 = _text()

AUTHENTICATION = (
    "Sql Password",
    "Active Directory Password",
    "Active Directory Integrated",
    "Active Directory Interactive",
    "Active Directory Service Principal",
    "Active Directory Device Code Flow",
    "Active Directory Managed Identity",
    "Active Directory MSI",
    "Active Directory Default",
    "Active Directory Workload Identity",
)

KEYWORDS = (
    Keyword("Application Intent", _one_of("ReadOnly", "ReadWrite"), ("ApplicationIntent",)),
    Keyword("Application Name", _text_128, ("App",)),
    Keyword("AttachDbFilename", _text(260), ("Extended Properties", "Initial File Name")),
    Keyword("Attestation Protocol", _one_of("AAS", "HGS", "None")),
    Keyword("Authentication", _one_of(*AUTHENTICATION, spaced=True)),
    Keyword("Column Encryption Setting", _one_of("Enabled", "Disabled"), ("ColumnEncryption",)),
    Keyword("Command Timeout", _number()),
    Keyword("Connect Retry Count", _number(0, 255), ("ConnectRetryCount",)),
    Keyword("Connect Retry Interval", _number(1, 60), ("ConnectRetryInterval",)),
    Keyword("Connect Timeout", _number(), ("Connection Timeout", "ConnectTimeout", "Timeout")),
    Keyword("Connection Idle Timeout", _number()),
    Keyword("Context Connection", _one_of("False", "No")),
    Keyword("Current Language", _text_128, ("Language",)),
    Keyword("Data Source", _text_128, ("Addr", "Address", "Network Address", "Server")),
    Keyword("Enclave Attestation Url", _text(_LARGEST_INT)),
    Keyword("Encrypt", _one_of("True", "False", "Yes", "No", "Mandatory", "Optional", "Strict")),
    Keyword("Enlist", _boolean),
    Keyword("Failover Partner", _text_128, ("FailoverPartner",)),
    Keyword("Failover Partner SPN", _text(_LARGEST_INT), ("FailoverPartnerSPN",)),
    Keyword("Host Name In Certificate", _text(_LARGEST_INT), ("HostNameInCertificate",)),
    Keyword("Initial Catalog", _text_128, ("Database",)),
    Keyword("Integrated Security", _one_of("True", "False", "Yes", "No", "SSPI"), ("Trusted_Connection",)),
    Keyword(
        "IP Address Preference",
        _one_of("IPv4First", "IPv6First", "UsePlatformDefault"),
        ("IPAddressPreference",),
    ),
    Keyword("Load Balance Timeout", _number(), ("Connection Lifetime",)),
    Keyword("Max Pool Size", _number(1)),
    Keyword("Min Pool Size", _number()),
    Keyword("Multi Subnet Failover", _boolean, ("MultiSubnetFailover",)),
    Keyword("Multiple Active Result Sets", _boolean, ("MultipleActiveResultSets",)),
    Keyword("Packet Size", _number(512, 32768), ("PacketSize",)),
    Keyword("Password", _text_128, ("Pwd",)),
    Keyword("Persist Security Info", _boolean, ("PersistSecurityInfo",)),
    Keyword("Pool Blocking Period", _one_of("Auto", "AlwaysBlock", "NeverBlock"), ("PoolBlockingPeriod",)),
    Keyword("Pooling", _boolean),
    Keyword("Replication", _boolean),
    Keyword("Server Certificate", _text(_LARGEST_INT), ("ServerCertificate",)),
    Keyword("Server SPN", _text(_LARGEST_INT), ("ServerSPN",)),
    Keyword("Transaction Binding", _one_of("Implicit Unbind", "Explicit Unbind")),
    Keyword("Trust Server Certificate", _boolean, ("TrustServerCertificate",)),
    Keyword("Type System Version", _one_of("Latest", *(f"SQL Server {year}" for year in (2005, 2008, 2012)))),
    Keyword("User ID", _text_128, ("Uid", "User")),
    Keyword("User Instance", _boolean),
    Keyword("Workstation ID", _text_128, ("WorkstationID", "WSID")),
)
BY_NAME = {name.lower(): keyword for keyword in KEYWORDS for name in (keyword.name, *keyword.synonyms)}
_SPELLED = {name.lower(): name for keyword in KEYWORDS for name in (keyword.name, *keyword.synonyms)}
