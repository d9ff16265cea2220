"""Values as TDS writes them: TYPE_INFO and what follows it, both ways."""

from __future__ import annotations

import struct
import uuid
from decimal import Decimal

from . import sqltypes, temporal
from .sqltypes import INT_SIZES, MAX, SqlType


Value = None | int | float | str | bytes

COLLATION = bytes.fromhex("0904d00034")  # SQL_Latin1_General_CP1_CI_AS
CODEPAGE = "cp1252"
PLP_NULL = b"\xff" * 8
TIME_SIZES = (3, 3, 3, 4, 4, 5, 5, 5)


def decimal_size(precision: int) -> int:
    """Bytes that a decimal of that precision takes, sign included."""
    return 5 if precision <= 9 else 9 if precision <= 19 else 13 if precision <= 28 else 17


def type_info(kind: SqlType) -> bytes:  # noqa: PLR0911 - one for each family
    """Describe a type, always a nullable one."""
    match kind.family:
        case "int":
            return bytes([0x26, INT_SIZES[kind.name]])
        case "bit":
            return b"\x68\x01"
        case "float":
            return b"\x6d\x04" if kind.name == "real" else b"\x6d\x08"
        case "decimal":
            return bytes([0x6C, decimal_size(kind.precision), kind.precision, kind.scale])
        case "guid":
            return b"\x24\x10"
        case "temporal":
            return _temporal_info(kind)
        case _:
            return _sized_info(kind)


def _temporal_info(kind: SqlType) -> bytes:
    if kind.name == "date":
        return b"\x28"
    if kind.name == "datetime":
        return b"\x6f\x08"
    return bytes([{"time": 0x29, "datetime2": 0x2A, "datetimeoffset": 0x2B}[kind.name], kind.scale])


def _sized_info(kind: SqlType) -> bytes:
    code = {"nvarchar": 0xE7, "nchar": 0xEF, "varchar": 0xA7, "char": 0xAF, "varbinary": 0xA5, "binary": 0xAD}
    size = 0xFFFF if kind.length == MAX else kind.length * (2 if kind.wide else 1)
    collation = COLLATION if kind.family == "string" else b""
    return bytes([code.get(kind.name, 0xE7)]) + struct.pack("<H", size) + collation


def encode(kind: SqlType, value: Value) -> bytes:
    """Write a value of that type."""
    if kind.family in ("string", "binary"):
        return _encode_sized(kind, value)
    if value is None:
        return b"\x00"
    data = _encode_short(kind, value)
    return bytes([len(data)]) + data


def _encode_short(kind: SqlType, value: Value) -> bytes:
    match kind.family:
        case "int":
            size = INT_SIZES[kind.name]
            return int(value or 0).to_bytes(size, "little", signed=size > 1)
        case "bit":
            return b"\x01" if value not in (0, "0", "false", "False") else b"\x00"
        case "float":
            return struct.pack("<f" if kind.name == "real" else "<d", float(value or 0))
        case "decimal":
            return _encode_decimal(kind, value)
        case "guid":
            return uuid.UUID(str(value)).bytes_le
        case _:
            return _encode_temporal(kind, str(value))


def _encode_decimal(kind: SqlType, value: Value) -> bytes:
    scaled = int((Decimal(str(value)) * 10**kind.scale).to_integral_value())
    return bytes([scaled >= 0]) + abs(scaled).to_bytes(decimal_size(kind.precision) - 1, "little")


def _encode_temporal(kind: SqlType, text: str) -> bytes:
    moment = temporal.parse(text)
    if moment is None:
        raise ValueError(text)
    if kind.name == "date":
        return moment.days.to_bytes(3, "little")
    if kind.name == "datetime":
        days = moment.days - temporal.DAYS_TO_1900
        return struct.pack("<iI", days, round(moment.ticks * 300 / temporal.TICKS))
    offset = moment.offset
    if kind.name == "datetimeoffset":
        moment = moment.at(0)  # it travels in UTC, with the offset behind it
    time: bytes = (moment.ticks // 10 ** (7 - kind.scale)).to_bytes(TIME_SIZES[kind.scale], "little")
    if kind.name == "time":
        return time
    data = time + moment.days.to_bytes(3, "little")
    return data + struct.pack("<h", offset) if kind.name == "datetimeoffset" else data


def _encode_sized(kind: SqlType, value: Value) -> bytes:
    if value is None:
        return PLP_NULL if kind.length == MAX else b"\xff\xff"
    data = to_bytes(kind, value)
    if kind.length != MAX:
        return struct.pack("<H", len(data)) + data
    chunk = struct.pack("<I", len(data)) + data if data else b""
    return struct.pack("<Q", len(data)) + chunk + b"\x00\x00\x00\x00"


def to_bytes(kind: SqlType, value: Value) -> bytes:
    """A string's or binary's bytes under that type."""
    if kind.family == "binary":
        if isinstance(value, int):
            return value.to_bytes(4, "big", signed=True)
        return value if isinstance(value, bytes) else str(value).encode("utf-16-le")
    text = value.decode("utf-16-le", "replace") if isinstance(value, bytes) else to_text(value)
    return text.encode("utf-16-le", "surrogatepass") if kind.wide else text.encode(CODEPAGE, "replace")


def to_text(value: Value) -> str:
    """Write a number as T-SQL does when it becomes a string."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


class Reader:
    """Takes TDS's data types from a message."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    @property
    def done(self) -> bool:
        """Whether nothing is left."""
        return self.position >= len(self.data)

    def take(self, size: int) -> bytes:
        """Take bytes."""
        taken = self.data[self.position : self.position + size]
        if len(taken) != size:
            raise ValueError("the message is too short")
        self.position += size
        return taken

    def number(self, size: int) -> int:
        """Take an unsigned number."""
        return int.from_bytes(self.take(size), "little")

    def text(self, count_size: int) -> str:
        """Take a string behind its count of characters (B_VARCHAR, US_VARCHAR)."""
        return self.take(self.number(count_size) * 2).decode("utf-16-le")


def guess(value: Value) -> SqlType:
    """The type of a value of which nothing else is known."""
    match value:
        case None:
            return sqltypes.INT
        case int():
            return sqltypes.INT if -(2**31) <= value < 2**31 else sqltypes.BIGINT
        case float():
            return sqltypes.FLOAT
        case bytes():
            return SqlType("varbinary", max(len(value), 1) if len(value) <= 8000 else MAX)
        case str():
            return sqltypes.bounded_string("nvarchar", len(value))
