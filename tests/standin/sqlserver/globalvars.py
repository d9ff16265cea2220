"""What T-SQL can ask about the server, the session and the clock."""

from __future__ import annotations

import socket

from . import sqltypes, temporal
from .errors import undeclared
from .sqltypes import BIGINT, INT, NVARCHAR, SMALLINT, SYSNAME, SqlType
from .wire import Value


TYPE_CHECKING = False
if TYPE_CHECKING:
    from .session import Session

VERSION = "16.0.4135.4"
VERSION_TEXT = (
    f"Microsoft SQL Server 2022 (RTM-CU14) - {VERSION} (X64) \n\tStand-in for tests\n\tDeveloper Edition (64-bit)"
)
SERVER_NAME = socket.gethostname()
NUMERIC = SqlType("decimal", precision=38, scale=0)
FUNCTIONS = (
    "SCOPE_IDENTITY",
    "IDENT_CURRENT",
    "XACT_STATE",
    "ERROR_NUMBER",
    "ERROR_MESSAGE",
    "ERROR_SEVERITY",
    "ERROR_STATE",
    "ERROR_LINE",
    "ERROR_PROCEDURE",
    "APP_NAME",
    "HOST_NAME",
    "CONNECTIONPROPERTY",
)
Typed = tuple[Value, SqlType]


def read(name: str, session: Session) -> Typed:
    """The value of @@NAME."""
    values: dict[str, Typed] = {
        "@@VERSION": (VERSION_TEXT, SqlType("nvarchar", 300)),
        "@@SPID": (session.spid, SMALLINT),
        "@@TRANCOUNT": (session.transaction.depth, INT),
        "@@ROWCOUNT": (session.row_count, INT),
        "@@SERVERNAME": (SERVER_NAME, SYSNAME),
        "@@SERVICENAME": ("MSSQLSERVER", SYSNAME),
        "@@IDENTITY": (session.identity, NUMERIC),
        "@@ERROR": (session.last_error, INT),
        "@@LOCK_TIMEOUT": (session.options.lock_timeout, INT),
        "@@LANGUAGE": ("us_english", SYSNAME),
        "@@LANGID": (0, SMALLINT),
        "@@DATEFIRST": (7, sqltypes.TINYINT),
        "@@TEXTSIZE": (2147483647, INT),
        "@@OPTIONS": (5496, INT),
        "@@MAX_PRECISION": (38, sqltypes.TINYINT),
        "@@MICROSOFTVERSION": (0x10001027, INT),
        "@@NESTLEVEL": (0, INT),
        "@@FETCH_STATUS": (0, INT),
        "@@PROCID": (0, INT),
        "@@DBTS": (b"\0" * 8, sqltypes.VARBINARY),
    }
    if name.upper() not in values:
        raise undeclared(name)
    return values[name.upper()]


def function(name: str, session: Session) -> Typed:
    """The value of a function that tells about the session."""
    caught = session.caught
    values: dict[str, Typed] = {
        "SCOPE_IDENTITY": (session.identity, NUMERIC),
        "IDENT_CURRENT": (session.identity, NUMERIC),
        "XACT_STATE": (int(session.transaction.depth > 0), SMALLINT),
        "ERROR_NUMBER": (caught.number if caught else None, INT),
        "ERROR_MESSAGE": (caught.message if caught else None, NVARCHAR),
        "ERROR_SEVERITY": (caught.level if caught else None, INT),
        "ERROR_STATE": (caught.state if caught else None, INT),
        "ERROR_LINE": (1 if caught else None, INT),
        "APP_NAME": (session.login.application, SYSNAME),
        "HOST_NAME": (session.login.host, SYSNAME),
    }
    return values.get(name, (None, SYSNAME))


def server_property(name: str, session: Session) -> Typed:
    """SERVERPROPERTY."""
    text = SqlType("nvarchar", 128)
    values: dict[str, Typed] = {
        "productversion": (VERSION, text),
        "productlevel": ("RTM", text),
        "productupdatelevel": ("CU14", text),
        "productmajorversion": ("16", text),
        "productminorversion": ("0", text),
        "edition": ("Developer Edition (64-bit)", text),
        "engineedition": (3, INT),
        "editionid": (-2117995310, BIGINT),
        "collation": (session.server.collation, text),
        "servername": (SERVER_NAME, text),
        "machinename": (SERVER_NAME, text),
        "instancename": (None, text),
        "isclustered": (0, INT),
        "ishadrenabled": (0, INT),
        "isfulltextinstalled": (0, INT),
        "isintegratedsecurityonly": (0, INT),
        "issingleuser": (0, INT),
    }
    value, kind = values.get(name.lower(), (None, text))
    return session.server.control.keys.get("properties", {}).get(name.lower(), value), kind


def clock(name: str, session: Session) -> str:
    """The present as that function gives it."""
    ahead = int(session.server.control.keys.get("clock", 0)) * temporal.TICKS
    moment = (temporal.now() if "UTC" in name else temporal.now_local()).plus(ahead)
    if name in ("GETDATE", "GETUTCDATE", "CURRENT_TIMESTAMP"):
        return moment.text("datetime", 3)
    return moment.text("datetimeoffset" if name == "SYSDATETIMEOFFSET" else "datetime2")
