"""Reading a TYPE_INFO and the value behind it, as parameters of an RPC have them."""

from __future__ import annotations

import struct
import uuid
from decimal import Decimal

from . import sqltypes, temporal
from .sqltypes import MAX, SqlType
from .wire import CODEPAGE, TIME_SIZES, Reader, Value


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


Read = tuple[SqlType, Value]

_FIXED = {0x30: 1, 0x32: 1, 0x34: 2, 0x38: 4, 0x3A: 4, 0x3B: 4, 0x3C: 8, 0x3D: 8, 0x3E: 8, 0x7A: 4, 0x7F: 8}
_NUMBERED = {
    **dict.fromkeys((0x30, 0x34, 0x38, 0x7F, 0x26), "int"),
    **dict.fromkeys((0x32, 0x68), "bit"),
    **dict.fromkeys((0x3B, 0x3E, 0x6D), "float"),
    **dict.fromkeys((0x3C, 0x7A, 0x6E), "money"),
    **dict.fromkeys((0x3A, 0x3D, 0x6F), "datetime"),
}
_STRINGS = {0xE7: "nvarchar", 0xEF: "nchar", 0xA7: "varchar", 0xAF: "char", 0x27: "varchar", 0x2F: "char"}
_BINARIES = {0xA5: "varbinary", 0xAD: "binary", 0x25: "varbinary", 0x2D: "binary"}
_LONG = {0x22: "varbinary", 0x23: "varchar", 0x63: "nvarchar"}


def read(reader: Reader) -> Read:
    """Take a TYPE_INFO and its value."""
    code = reader.number(1)
    if code in _NUMBERED:
        return _numbered(reader, code)
    if code in _STRINGS or code in _BINARIES or code == 0xF1:
        return _sized(reader, code)
    other: dict[int, Callable[[Reader], Read]] = {
        0x1F: lambda _: (sqltypes.INT, None),
        0x24: _guid,
        0x6A: _decimal,
        0x6C: _decimal,
        0x28: _date,
        0x29: lambda reader: _clock(reader, "time"),
        0x2A: lambda reader: _clock(reader, "datetime2"),
        0x2B: lambda reader: _clock(reader, "datetimeoffset"),
        0x62: _variant,
    }
    if code in _LONG:
        return _long(reader, code)
    if code not in other:
        raise ValueError(f"a parameter of type 0x{code:02X} is not understood")
    return other[code](reader)


def _numbered(reader: Reader, code: int) -> Read:
    declared = _FIXED.get(code) or reader.number(1)
    size = declared if code in _FIXED else reader.number(1)
    kind = _number_type(_NUMBERED[code], declared)
    return kind, _number(_NUMBERED[code], reader.take(size)) if size else None


def _number_type(family: str, size: int) -> SqlType:
    if family == "int":
        return SqlType({1: "tinyint", 2: "smallint", 4: "int", 8: "bigint"}[size])
    if family == "float":
        return SqlType("real" if size == 4 else "float")
    return sqltypes.make(family, [])


def _number(family: str, data: bytes) -> Value:
    if family == "int":
        return int.from_bytes(data, "little", signed=len(data) > 1)
    if family == "bit":
        return int(data[0] != 0)
    if family == "float":
        value: float = struct.unpack("<f" if len(data) == 4 else "<d", data)[0]
        return value
    if family == "money":
        high_first = data if len(data) == 4 else data[4:] + data[:4]
        return exact(Decimal(int.from_bytes(high_first, "little", signed=True)).scaleb(-4))
    if len(data) == 4:
        days, minutes = struct.unpack("<HH", data)
        return temporal.Moment(days + temporal.DAYS_TO_1900, minutes * 60 * temporal.TICKS).text("datetime")
    days, units = struct.unpack("<iI", data)
    moment = temporal.Moment(days + temporal.DAYS_TO_1900, round(units * temporal.TICKS / 300))
    return moment.text("datetime", 3)


def exact(value: Decimal) -> Value:
    """A decimal as SQLite can hold it: a number where nothing is lost, else text."""
    if value == value.to_integral_value() and abs(value) < 2**53:
        return int(value)
    return float(value) if len(value.as_tuple().digits) <= 15 else str(value)


def _guid(reader: Reader) -> Read:
    reader.number(1)
    size = reader.number(1)
    return sqltypes.GUID, str(uuid.UUID(bytes_le=reader.take(16))).upper() if size else None


def _decimal(reader: Reader) -> Read:
    reader.number(1)
    kind = SqlType("decimal", precision=reader.number(1), scale=reader.number(1))
    size = reader.number(1)
    if not size:
        return kind, None
    sign = 1 if reader.number(1) else -1
    return kind, exact(Decimal(sign * reader.number(size - 1)).scaleb(-kind.scale))


def _date(reader: Reader) -> Read:
    size = reader.number(1)
    return sqltypes.DATE, temporal.Moment(reader.number(3), 0).text("date") if size else None


def _clock(reader: Reader, name: str) -> Read:
    scale = reader.number(1)
    size = reader.number(1)
    kind = SqlType(name, scale=scale)
    if not size:
        return kind, None
    ticks = reader.number(TIME_SIZES[scale]) * 10 ** (7 - scale)
    days = temporal.DAYS_TO_1900 if name == "time" else reader.number(3)
    moment = temporal.Moment(days, ticks)
    if name == "datetimeoffset":
        moment = moment.at(struct.unpack("<h", reader.take(2))[0])
    return kind, moment.text(name)


def _sized(reader: Reader, code: int) -> Read:
    if code == 0xF1:
        if reader.number(1):
            raise ValueError("XML schemas are not understood")
        return sqltypes.NVARCHAR_MAX, _plp_value("nvarchar", reader)
    name = _STRINGS.get(code) or _BINARIES[code]
    count_size = 1 if code < 0x80 else 2
    size = reader.number(count_size)
    if code in _STRINGS and code >= 0x80:
        reader.take(5)
    if size == 0xFFFF:
        return SqlType(name, MAX), _plp_value(name, reader)
    count = reader.number(count_size)
    kind = SqlType(name, max(1, size // 2 if name.startswith("n") else size))
    null = count == (0xFFFF if count_size == 2 else 0)
    return kind, None if null else _decode(name, reader.take(count))


def _plp_value(name: str, reader: Reader) -> Value:
    if reader.number(8) == 0xFFFFFFFFFFFFFFFF:
        return None
    parts = []
    while count := reader.number(4):
        parts.append(reader.take(count))
    return _decode(name, b"".join(parts))


def _long(reader: Reader, code: int) -> Read:
    reader.take(4)
    if code != 0x22:
        reader.take(5)
    count = reader.number(4)
    kind = SqlType(_LONG[code], MAX)
    return kind, None if count == 0xFFFFFFFF else _decode(kind.name, reader.take(count))


def _variant(reader: Reader) -> Read:
    reader.take(4)
    size = reader.number(4)
    if not size:
        return sqltypes.NVARCHAR, None
    code, extra = reader.number(1), reader.number(1)
    reader.take(extra)
    data = reader.take(size - 2 - extra)
    if code in _NUMBERED:
        return _number_type(_NUMBERED[code], len(data)), _number(_NUMBERED[code], data)
    return sqltypes.NVARCHAR, _decode(_STRINGS.get(code, "varbinary"), data)


def _decode(name: str, data: bytes) -> Value:
    if "binary" in name:
        return data
    return data.decode("utf-16-le", "surrogatepass") if name.startswith("n") else data.decode(CODEPAGE, "replace")
