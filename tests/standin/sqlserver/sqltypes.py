"""T-SQL's types: how they are written, and the families they fall into."""

from __future__ import annotations

from dataclasses import dataclass


MAX = -1

FAMILIES = {
    "bit": "bit",
    "tinyint": "int",
    "smallint": "int",
    "int": "int",
    "bigint": "int",
    "float": "float",
    "real": "float",
    "decimal": "decimal",
    "numeric": "decimal",
    "money": "decimal",
    "smallmoney": "decimal",
    "nvarchar": "string",
    "varchar": "string",
    "nchar": "string",
    "char": "string",
    "ntext": "string",
    "text": "string",
    "sysname": "string",
    "xml": "string",
    "varbinary": "binary",
    "binary": "binary",
    "image": "binary",
    "rowversion": "binary",
    "timestamp": "binary",
    "uniqueidentifier": "guid",
    "datetime": "temporal",
    "smalldatetime": "temporal",
    "datetime2": "temporal",
    "datetimeoffset": "temporal",
    "date": "temporal",
    "time": "temporal",
    "sql_variant": "string",
}

INT_SIZES = {"tinyint": 1, "smallint": 2, "int": 4, "bigint": 8}


@dataclass(frozen=True)
class SqlType:
    """A type; `length` counts characters or bytes (MAX for max), `scale` is also that of times."""

    name: str
    length: int = 0
    precision: int = 0
    scale: int = 0

    @property
    def family(self) -> str:
        """What kind of values it has."""
        return FAMILIES[self.name]

    @property
    def wide(self) -> bool:
        """Whether its characters are UTF-16."""
        return self.name.startswith("n")

    def spell(self) -> str:
        """Write it as in a declaration."""
        if self.family == "decimal":
            return f"{self.name}({self.precision},{self.scale})"
        if self.name in ("datetime2", "datetimeoffset", "time"):
            return f"{self.name}({self.scale})"
        if self.family in ("string", "binary"):
            return f"{self.name}({'max' if self.length == MAX else self.length})"
        return self.name


BIT = SqlType("bit")
INT = SqlType("int")
BIGINT = SqlType("bigint")
SMALLINT = SqlType("smallint")
TINYINT = SqlType("tinyint")
FLOAT = SqlType("float")
GUID = SqlType("uniqueidentifier")
DATE = SqlType("date")
DATETIME = SqlType("datetime", scale=3)
DATETIME2 = SqlType("datetime2", scale=7)
DATETIMEOFFSET = SqlType("datetimeoffset", scale=7)
VARBINARY = SqlType("varbinary", 8000)
SYSNAME = SqlType("nvarchar", 128)
NVARCHAR = SqlType("nvarchar", 4000)
NVARCHAR_MAX = SqlType("nvarchar", MAX)


def make(name: str, sizes: list[int]) -> SqlType:  # noqa: PLR0911 - one for each kind
    """Build the type that `name(sizes)` declares, filling in T-SQL's defaults."""
    name = {"sysname": "nvarchar", "ntext": "nvarchar", "text": "varchar", "image": "varbinary"}.get(name, name)
    first = sizes[0] if sizes else None
    if name in ("decimal", "numeric"):
        return SqlType(name, precision=first or 18, scale=sizes[1] if len(sizes) > 1 else 0)
    if name in ("money", "smallmoney"):
        return SqlType("decimal", precision=19, scale=4)
    if name in ("datetime2", "datetimeoffset", "time"):
        return SqlType(name, scale=7 if first is None else first)
    if name in ("datetime", "smalldatetime"):
        return SqlType("datetime", scale=3)
    if name in ("rowversion", "timestamp"):
        return SqlType("binary", 8)
    if name == "xml":
        return NVARCHAR_MAX
    if FAMILIES[name] in ("string", "binary"):
        return SqlType(name, 1 if first is None else first)
    return SqlType(name)


def parse(text: str) -> SqlType:
    """Read a type that `SqlType.spell` wrote."""
    name, _, rest = text.partition("(")
    sizes = [MAX if part.strip() == "max" else int(part) for part in rest.rstrip(")").split(",") if part.strip()]
    return make(name.strip().lower(), sizes)


def bounded_string(name: str, length: int) -> SqlType:
    """A string type of that length, or max if no bounded one is that long."""
    limit = 4000 if name.startswith("n") else 8000
    return SqlType(name, MAX if length > limit or length == MAX else max(length, 1))


def merge(first: SqlType, second: SqlType) -> SqlType:  # noqa: PLR0911 - one for each kind
    """The type of an expression that gives either of two types."""
    if first == second:
        return first
    order = ["binary", "string", "guid", "bit", "int", "decimal", "float", "temporal"]
    low, high = sorted((first, second), key=lambda kind: order.index(kind.family))
    if low.family != high.family:
        return high
    if high.family == "int":
        return max(low, high, key=lambda kind: INT_SIZES[kind.name])
    if high.family == "string":
        length = MAX if MAX in (low.length, high.length) else max(low.length, high.length)
        return bounded_string("nvarchar" if low.wide or high.wide else "varchar", length)
    if high.family == "temporal":
        rank = ["time", "date", "datetime", "datetime2", "datetimeoffset"]
        return max(low, high, key=lambda kind: rank.index(kind.name))
    if high.family == "decimal":
        scale = max(low.scale, high.scale)
        whole = max(low.precision - low.scale, high.precision - high.scale)
        return SqlType("decimal", precision=min(38, whole + scale), scale=scale)
    return high
