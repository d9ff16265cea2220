"""Classifies ODBC errors by what they mean for a wait for SQL Server.

Numbers: https://learn.microsoft.com/sql/relational-databases/errors-events/database-engine-events-and-errors,
https://learn.microsoft.com/azure/azure-sql/database/troubleshoot-common-errors-issues; the drivers' own texts
were provoked from msodbcsql 18.6 and FreeTDS 1.3.17.
"""

import re
from enum import Enum
from typing import NamedTuple

import pyodbc


class Kind(Enum):
    """What to do about it."""

    NOT_YET = "try again"
    NO_DATABASE = "the server is there, but the database isn't, or this login may not open it"
    LOGIN_FAILED = "try again slowly, and not often: it may lock the account"
    NEVER = "give up"


class Verdict(NamedTuple):
    """A kind of error, the reason in a word or two, and SQL Server's or the driver's number, 0 if unknown.

    `unsure` is a refused login that may be a missing database just as well.
    """

    kind: Kind
    reason: str
    number: int = 0
    unsure: bool = False

    @property
    def is_passing(self) -> bool:
        """Whether it is known to pass by itself."""
        return self.kind is Kind.NOT_YET and self.reason != _FIREWALL and not self.reason.startswith(_ERROR)


TIMED_OUT = Verdict(Kind.NOT_YET, "timed out")
RESET, FAILED = "connection reset", "connection failed"
DRIVER_MISSING = "driver missing"
UNTRUSTED = "certificate not trusted"
WRONG_NAME = "certificate for another host"
NO_ENCRYPTION = "no encryption"
NO_STRICT = "no TDS 8"
NO_SHARED_TLS = "no TLS version in common"

_FIREWALL = "firewall"
_ERROR = "error "  # of which nothing is known
_DATABASE = {4060: "no such database", 911: "no such database", 916: "no access to database"}
_LOGIN_FAILED = 18456
_LOGIN = {
    18452: "login not trusted",
    _LOGIN_FAILED: "login failed",
    18470: "login disabled",
    18486: "login locked",
    18487: "password expired",
    18488: "password must change",
    40532: "login failed",
}
_NOT_YET = {
    **dict.fromkeys((17187, 904, 952), "starting up"),
    **dict.fromkeys((596, 6005, 6006, 18451), "shutting down"),
    **dict.fromkeys((913, 921, 922), "recovering"),
    **dict.fromkeys((976, 978, 979, 980, 982, 983), "not the primary"),
    **dict.fromkeys((945, 946, 5120), "database files missing"),
    **dict.fromkeys((17188, 18461, 924), "single user"),
    **dict.fromkeys((701, 1204, 8645, 8651, 17189, 17809, 17810, 10928, 10929, 40501, 49918, 49919, 49920), "busy"),
    **dict.fromkeys((40020, 40143, 40166, 40197, 40540, 40613, 42108, 42109), "unavailable"),
    **dict.fromkeys((64, 104, 233, 10053, 10054, 20006, 20017, 20047), RESET),
    **dict.fromkeys((10060, 17197, 20003, 258), "timed out"),
    **dict.fromkeys((10061, 111), "refused"),
    **dict.fromkeys((11001, 20012, 20013), "no such host"),
    1205: "deadlock",
    1222: "locked",
    926: "suspect",
    927: "restoring",
    942: "offline",
    17142: "paused",
    18401: "upgrading",
    40615: _FIREWALL,
}
_NOTHING_SHARED = (
    "unsupported protocol|protocol version|no protocols|sigalg|no shared cipher|no suitable|handshake failure|"
    "version too low|too small|too weak"
)
_TEXTS = (
    ("does not match host|host ?name mismatch", Kind.NEVER, WRONG_NAME),
    # what OpenSSL says when no later attempt can come to another end
    (f"SSL routines::[^]]*({_NOTHING_SHARED})", Kind.NEVER, NO_SHARED_TLS),
    ("certificate verify failed|certificate chain|not trusted|self.signed", Kind.NEVER, UNTRUSTED),
    ("encryption not supported", Kind.NEVER, NO_ENCRYPTION),
    ("can't open lib|file not found|data source name not found", Kind.NEVER, DRIVER_MISSING),
    (
        "0x2746|0x68\\b|handshakes before login|unexpected EOF|closed by peer",
        Kind.NOT_YET,
        RESET,
    ),
    ("0x2AF9|0x2AFA|no such host|name or service", Kind.NOT_YET, "no such host"),
    ("0x274C|time-?out|timed out", Kind.NOT_YET, "timed out"),
    ("0x274D|0x6F\\b|refused", Kind.NOT_YET, "refused"),
)
_STATES = {
    "IM002": (Kind.NEVER, DRIVER_MISSING),
    "IM003": (Kind.NEVER, DRIVER_MISSING),
    "28000": (Kind.LOGIN_FAILED, "login failed"),
    "HYT00": (Kind.NOT_YET, "timed out"),
    "HYT01": (Kind.NOT_YET, "timed out"),
}
_SAYING_NOTHING = {"01000", "HY000", "S1000"}
_FREETDS_OWN = range(20000, 20100)  # not SQL Server's: include/freetds/tds.h
_NUMBER = re.compile(r"\((-?\d{1,10})\)(?: \(SQL\w+\))?(?=; \[|\Z)")


def classify(error: pyodbc.Error) -> Verdict:
    """Return what `error`, raised by `pyodbc.connect` or a query with either driver, means for a wait."""
    state, text = (str(part) for part in (*error.args, "", "")[:2])
    numbers = [int(number) for number in _NUMBER.findall(text)]
    return (
        # error 4060 is followed by an 18456, so the database comes first
        _numbered(numbers, _DATABASE, Kind.NO_DATABASE)
        or _numbered(numbers, _NOT_YET, Kind.NOT_YET)
        or _refused_login(numbers, text)
        or _worded(text)
        or _in_state(state)
        or Verdict(Kind.NOT_YET, *_unknown(state, numbers))
    )


def shares_nothing(text: str) -> bool:
    """Return whether OpenSSL's `text` says that there is no TLS version, or no strength, that both sides have."""
    return re.search(_NOTHING_SHARED, text.replace("_", " "), re.IGNORECASE) is not None


def _numbered(numbers: list[int], reasons: dict[int, str], kind: Kind) -> Verdict | None:
    return next((Verdict(kind, reasons[number], number) for number in numbers if number in reasons), None)


def _refused_login(numbers: list[int], text: str) -> Verdict | None:
    verdict = _numbered(numbers, _LOGIN, Kind.LOGIN_FAILED)
    # FreeTDS tells only the last of the two errors that SQL Server gives for a missing database
    if verdict and verdict.number == _LOGIN_FAILED and "[FreeTDS]" in text:
        return verdict._replace(unsure=True)
    return verdict


def _worded(text: str) -> Verdict | None:
    for pattern, kind, reason in _TEXTS:
        if re.search(pattern, text, re.IGNORECASE):
            return Verdict(kind, reason)
    return None


def _in_state(state: str) -> Verdict | None:
    return Verdict(*_STATES[state]) if state in _STATES else None


def _unknown(state: str, numbers: list[int]) -> tuple[str, int]:
    number = next((number for number in numbers if number > 0 and number not in _FREETDS_OWN), 0)
    # of a connection that is gone FreeTDS often says "Unknown error", without a number; SQL Server's errors have one
    if state.startswith("08") or (number == 0 and state in _SAYING_NOTHING):
        return FAILED, number
    return f"{_ERROR}{number or state}", number
