"""T-SQL's functions on values, as SQLite calls them."""

from __future__ import annotations

import functools
import re
import uuid
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from . import errors, sqltypes, temporal, wire
from .errors import SqlError
from .sqltypes import INT_SIZES, MAX, SqlType
from .wire_types import exact


TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from .wire import Value


UNITS = {
    "hour": 3600 * temporal.TICKS,
    "minute": 60 * temporal.TICKS,
    "second": temporal.TICKS,
    "millisecond": temporal.TICKS // 1000,
    "microsecond": temporal.TICKS // 1_000_000,
    "day": temporal.DAY,
    "week": 7 * temporal.DAY,
}
UNIT_NAMES = {
    **dict.fromkeys(("hh", "hour"), "hour"),
    **dict.fromkeys(("mi", "n", "minute"), "minute"),
    **dict.fromkeys(("ss", "s", "second"), "second"),
    **dict.fromkeys(("ms", "millisecond"), "millisecond"),
    **dict.fromkeys(("mcs", "microsecond"), "microsecond"),
    **dict.fromkeys(("dd", "d", "day", "dy", "dayofyear", "dw", "weekday"), "day"),
    **dict.fromkeys(("wk", "ww", "week"), "week"),
    **dict.fromkeys(("mm", "m", "month"), "month"),
    **dict.fromkeys(("yy", "yyyy", "year"), "year"),
}
_types = functools.cache(sqltypes.parse)


def cast(value: Value, target: str) -> Value:
    """Convert to a type written by `SqlType.spell`, or raise SQL Server's error."""
    return convert(value, _types(target))


def convert(value: Value, kind: SqlType) -> Value:
    """Convert to a type, or raise SQL Server's error."""
    if value is None:
        return None
    try:
        return _CONVERSIONS[kind.family](value, kind)
    except (ValueError, InvalidOperation) as error:
        raise errors.conversion(value, kind.name) from error


def try_cast(value: Value, target: str) -> Value:
    """Convert to a type, or give null."""
    try:
        return cast(value, target)
    except SqlError:
        return None


def _to_int(value: Value, kind: SqlType) -> Value:
    number = int(value.strip() or 0) if isinstance(value, str) else _whole(value)
    bits = 8 * INT_SIZES[kind.name]
    low, high = (0, 256) if bits == 8 else (-(2 ** (bits - 1)), 2 ** (bits - 1))
    if not low <= number < high:
        raise SqlError(8115, f"Arithmetic overflow error converting expression to data type {kind.name}.", state=2)
    return number


def _whole(value: Value) -> int:
    return int.from_bytes(value, "big", signed=True) if isinstance(value, bytes) else int(value or 0)


def _to_bit(value: Value, _kind: SqlType) -> Value:
    if isinstance(value, str):
        words = {"true": 1, "false": 0}
        return words[value.lower()] if value.lower() in words else int(int(value) != 0)
    return int(value not in (0, b"\0"))


def _to_float(value: Value, _kind: SqlType) -> Value:
    return float(value if isinstance(value, (str, int, float)) else 0)


def _to_decimal(value: Value, kind: SqlType) -> Value:
    rounded = Decimal(str(value)).quantize(Decimal(1).scaleb(-kind.scale), rounding=ROUND_HALF_UP)
    return exact(rounded)


def _to_string(value: Value, kind: SqlType) -> Value:
    if isinstance(value, bytes):
        text = value.decode("utf-16-le" if kind.wide else wire.CODEPAGE, "replace")
    else:
        text = wire.to_text(value)
    return text if kind.length == MAX else text[: kind.length]


def _to_binary(value: Value, kind: SqlType) -> Value:
    data = wire.to_bytes(kind, value) if isinstance(value, (int, bytes)) else str(value).encode("utf-16-le")
    return data if kind.length == MAX else data[: kind.length]


def _to_guid(value: Value, _kind: SqlType) -> Value:
    try:
        made = uuid.UUID(bytes_le=value) if isinstance(value, bytes) else uuid.UUID(str(value)[:38].strip())
    except ValueError as error:
        text = "Conversion failed when converting from a character string to uniqueidentifier."
        raise SqlError(8169, text, state=2, aborts=True) from error
    return str(made).upper()


def _to_moment(value: Value, kind: SqlType) -> Value:
    if isinstance(value, (int, float)):
        start = temporal.Moment(temporal.DAYS_TO_1900, 0)
        return start.plus(round(value * temporal.DAY)).text(kind.name, kind.scale)
    moment = temporal.parse(str(value))
    if moment is None:
        text = "Conversion failed when converting date and/or time from character string."
        raise SqlError(241, text, aborts=True)
    return moment.text(kind.name, kind.scale)


_CONVERSIONS: dict[str, Callable[[Value, SqlType], Value]] = {
    "int": _to_int,
    "bit": _to_bit,
    "float": _to_float,
    "decimal": _to_decimal,
    "string": _to_string,
    "binary": _to_binary,
    "guid": _to_guid,
    "temporal": _to_moment,
}


def assign(value: Value, target: str, column: str) -> Value:
    """Convert a value for a column: unlike a cast this does not cut strings off."""
    kind = _types(target)
    if isinstance(value, str) and kind.family == "string" and kind.length != MAX and len(value) > kind.length:
        text = f"String or binary data would be truncated in table '{column}'. Truncated value: '{value[:100]}'."
        raise SqlError(2628, text)
    return convert(value, kind)


def instant(value: Value) -> Value:
    """A time as text by which times of different types and zones can be compared."""
    moment = None if value is None else temporal.parse(str(value))
    return value if moment is None else moment.at(0).text("datetime2")


def date_add(unit: str, count: Value, value: Value) -> Value:
    """DATEADD, keeping the form of the value."""
    if count is None or value is None:
        return None
    text = str(value)
    moment = temporal.parse(text)
    if moment is None:
        raise errors.conversion(value, "datetime")
    kind = "date" if len(text) == 10 else "datetimeoffset" if text[-3:-2] == ":" and " " in text[-7:] else "datetime2"
    if unit in ("month", "year"):
        return _add_months(moment, int(count) * (12 if unit == "year" else 1)).text(kind)
    return moment.plus(int(count) * UNITS[unit]).text(kind)


def _add_months(moment: temporal.Moment, months: int) -> temporal.Moment:
    year, month, day = (int(part) for part in moment.text("date").split("-"))
    total = year * 12 + month - 1 + months
    for length in (day, 30, 29, 28):
        target = temporal.parse(f"{total // 12:04}-{total % 12 + 1:02}-{min(day, length):02}")
        if target:
            return temporal.Moment(target.days, moment.ticks, moment.offset)
    return moment


def date_diff(unit: str, first: Value, second: Value) -> Value:
    """DATEDIFF: how many borders of the unit are crossed."""
    if first is None or second is None:
        return None
    start, end = temporal.parse(str(first)), temporal.parse(str(second))
    if start is None or end is None:
        raise errors.conversion(first if start is None else second, "datetime")
    if unit in ("month", "year"):
        months = [int(moment.text("date")[:4]) * 12 + int(moment.text("date")[5:7]) - 1 for moment in (start, end)]
        return months[1] - months[0] if unit == "month" else months[1] // 12 - months[0] // 12
    return end.instant // UNITS[unit] - start.instant // UNITS[unit]


def small_date_diff(unit: str, first: Value, second: Value) -> Value:
    """DATEDIFF, whose answer is an int: 535 if it is more than one holds, where DATEDIFF_BIG isn't at its end.

    https://learn.microsoft.com/sql/t-sql/functions/datediff-transact-sql
    """
    crossed = date_diff(unit, first, second)
    if crossed is not None and not -(2**31) <= int(crossed) < 2**31:
        text = (
            "The datediff function resulted in an overflow. The number of dateparts separating two date/time instances "
            "is too large. Try to use datediff with a less precise datepart."
        )
        raise SqlError(535, text, aborts=True)
    return crossed


def date_part(unit: str, value: Value) -> Value:
    """DATEPART."""
    moment = None if value is None else temporal.parse(str(value))
    if moment is None:
        return None
    places = {"year": (0, 4), "month": (5, 7), "day": (8, 10), "hour": (11, 13), "minute": (14, 16)}
    text = moment.text("datetime2")
    start, end = places.get(unit, (17, 19))
    return int(text[start:end]) if unit != "millisecond" else int(text[20:23])


@functools.lru_cache(maxsize=500)
def _like(pattern: str, escape: str) -> re.Pattern[str]:
    out, position = "", 0
    while position < len(pattern):
        char = pattern[position]
        close = pattern.find("]", position + 1) if char == "[" else -1
        if escape and char == escape and position + 1 < len(pattern):
            position += 1
            out += re.escape(pattern[position])
        elif close > 0:
            out += "[" + pattern[position + 1 : close].replace("\\", "\\\\") + "]"
            position = close
        else:
            out += {"%": ".*", "_": "."}.get(char, re.escape(char))
        position += 1
    return re.compile(out, re.IGNORECASE | re.DOTALL)


def like(pattern: Value, value: Value, escape: str = "") -> int | None:
    """LIKE, with T-SQL's character classes."""
    if value is None or pattern is None:
        return None
    return int(_like(str(pattern), escape).fullmatch(wire.to_text(value)) is not None)


def divide(operator: str, left: Value, right: Value) -> Value:
    """A quotient or a remainder, whole for whole numbers."""
    if left is None or right is None:
        return None
    first, second = (side if isinstance(side, (int, float)) else float(side) for side in (left, right))
    if second == 0:
        raise SqlError(8134, "Divide by zero error encountered.")
    if operator == "/" and not (isinstance(first, int) and isinstance(second, int)):
        return first / second
    quotient = int(abs(first) // abs(second)) * (1 if (first < 0) == (second < 0) else -1)
    return quotient if operator == "/" else first - quotient * second


def register(connection: sqlite3.Connection, failures: list[Exception]) -> None:
    """Give a SQLite connection these functions; what they raise is put into `failures`."""
    plain: dict[str, Callable[..., Value]] = {
        "t_cast": cast,
        "t_try_cast": try_cast,
        "t_assign": assign,
        "t_instant": instant,
        "t_dateadd": date_add,
        "t_datediff": small_date_diff,
        "t_datediff_big": date_diff,
        "t_datepart": date_part,
        "like": like,
        "t_len": lambda text: None if text is None else len(wire.to_text(text).rstrip(" ")),
        "t_datalength": lambda value: None if value is None else _datalength(value),
        "t_newid": lambda: str(uuid.uuid4()).upper(),
        "t_lower": lambda text: None if text is None else wire.to_text(text).lower(),
        "t_upper": lambda text: None if text is None else wire.to_text(text).upper(),
        "t_reverse": lambda text: None if text is None else wire.to_text(text)[::-1],
        "t_replicate": lambda text, count: None if text is None or count is None else wire.to_text(text) * count,
        "t_divide": divide,
        "t_power": lambda base, exponent: None if base is None or exponent is None else base**exponent,
        "t_switchoffset": _switch_offset,
    }
    for name, function in plain.items():
        connection.create_function(name, -1, guarded(function, failures))


def _switch_offset(value: Value, offset: Value) -> Value:
    moment = temporal.parse(str(value))
    zone = temporal.parse(f"00:00 {wire.to_text(offset)}")
    return moment.at(zone.offset).text("datetimeoffset") if moment and zone else None


def _datalength(value: Value) -> int:
    return len(value) if isinstance(value, bytes) else 2 * len(value) if isinstance(value, str) else 4


def guarded(function: Callable[..., Value], failures: list[Exception]) -> Callable[..., Value]:
    """Keep an exception that SQLite would replace by one of its own."""

    @functools.wraps(function)
    def call(*arguments: Value) -> Value:
        try:
            return function(*arguments)
        except Exception as error:
            failures.append(error)
            raise

    return call
