"""What drivers ask about statements and tables."""

from __future__ import annotations

import re

from . import scalars
from .lexer import groups, tokenize
from .sqltypes import BIT, INT, SMALLINT, SYSNAME, TINYINT, SqlType


TYPE_CHECKING = False
if TYPE_CHECKING:
    from .session import Session
    from .wire import Value

PARAMETERS: list[tuple[str, SqlType]] = [
    ("parameter_ordinal", INT), ("name", SYSNAME), ("suggested_system_type_id", INT),
    ("suggested_system_type_name", SYSNAME), ("suggested_max_length", SMALLINT), ("suggested_precision", TINYINT),
    ("suggested_scale", TINYINT), ("suggested_user_type_id", INT), ("suggested_user_type_database", SYSNAME),
    ("suggested_user_type_schema", SYSNAME), ("suggested_user_type_name", SYSNAME),
    ("suggested_assembly_qualified_type_name", SYSNAME), ("suggested_xml_collection_id", INT),
    ("suggested_xml_collection_database", SYSNAME), ("suggested_xml_collection_schema", SYSNAME),
    ("suggested_xml_collection_name", SYSNAME), ("suggested_is_xml_document", BIT),
    ("suggested_is_case_sensitive", BIT), ("suggested_is_fixed_length_clr_type", BIT), ("suggested_is_input", BIT),
    ("suggested_is_output", BIT), ("formal_parameter_name", SYSNAME), ("suggested_tds_type_id", INT),
    ("suggested_tds_length", INT),
]  # fmt: skip
TABLES: list[tuple[str, SqlType]] = [
    ("TABLE_QUALIFIER", SYSNAME), ("TABLE_OWNER", SYSNAME), ("TABLE_NAME", SYSNAME),
    ("TABLE_TYPE", SqlType("varchar", 32)), ("REMARKS", SqlType("varchar", 254)),
]  # fmt: skip
DATATYPES: list[tuple[str, SqlType]] = [
    ("TYPE_NAME", SYSNAME), ("DATA_TYPE", SMALLINT), ("PRECISION", INT), ("LITERAL_PREFIX", SqlType("varchar", 32)),
    ("LITERAL_SUFFIX", SqlType("varchar", 32)), ("CREATE_PARAMS", SqlType("varchar", 32)), ("NULLABLE", SMALLINT),
    ("CASE_SENSITIVE", SMALLINT), ("SEARCHABLE", SMALLINT), ("UNSIGNED_ATTRIBUTE", SMALLINT), ("MONEY", SMALLINT),
    ("AUTO_INCREMENT", SMALLINT), ("LOCAL_TYPE_NAME", SYSNAME), ("MINIMUM_SCALE", SMALLINT),
    ("MAXIMUM_SCALE", SMALLINT), ("SQL_DATA_TYPE", SMALLINT), ("SQL_DATETIME_SUB", SMALLINT),
    ("NUM_PREC_RADIX", INT), ("INTERVAL_PRECISION", SMALLINT), ("USERTYPE", SMALLINT),
]  # fmt: skip
# Name, ODBC's number for it under ODBC 3 and 2, size, and what stands around a literal.
_DATATYPES: list[tuple[str, int, int, int, str | None]] = [
    ("datetimeoffset", -155, -155, 34, "'"), ("time", -154, -154, 16, "'"), ("bit", -7, -7, 1, None),
    ("tinyint", -6, -6, 3, None), ("bigint", -5, -5, 19, None), ("varbinary", -3, -3, 8000, "0x"),
    ("binary", -2, -2, 8000, "0x"), ("uniqueidentifier", -11, -11, 36, "'"), ("nvarchar", -9, -9, 4000, "N'"),
    ("nchar", -8, -8, 4000, "N'"), ("char", 1, 1, 8000, "'"), ("decimal", 3, 3, 38, None),
    ("int", 4, 4, 10, None), ("smallint", 5, 5, 5, None), ("float", 6, 6, 53, None), ("real", 7, 7, 24, None),
    ("varchar", 12, 12, 8000, "'"), ("date", 91, -9, 10, "'"), ("datetime2", 93, -9, 27, "'"),
    ("datetime", 93, 11, 23, "'"),
]  # fmt: skip


def datatypes(wanted: int, version: int) -> list[tuple[Value, ...]]:
    """The types that sp_datatype_info lists: all for 0, else those with ODBC's number."""
    rows: list[tuple[Value, ...]] = []
    for name, number, older, size, prefix in _DATATYPES:
        code = older if version < 3 else number
        if wanted in (0, code):
            suffix = "'" if prefix and prefix.endswith("'") else None
            numeric = (0, 0) if prefix is None else (None, None)
            head = (name, code, size, prefix, suffix, None, 1, 0, 3, numeric[0], 0, numeric[1], name)
            rows.append((*head, None, None, code, None, None if prefix else 10, None, 0))
    return rows


def parameters(text: str, known: str) -> list[tuple[Value, ...]]:
    """Every undeclared parameter of a text: nvarchar(4000), which converts to everything."""
    declared = {part[0].text.lower() for part in groups(tokenize(known)) if part}
    found: list[str] = []
    for token in tokenize(text):
        if token.kind == "var" and not token.text.startswith("@@") and token.text.lower() not in declared:
            declared.add(token.text.lower())
            found.append(token.text)
    nothing: tuple[Value, ...] = (None,) * 9
    kind: tuple[Value, ...] = (231, "nvarchar(4000)", 8000, 0, 0)
    flags: tuple[Value, ...] = (0, 0, 0, 1, 0)
    return [(place, name, *kind, *nothing, *flags, None, 231, 8000) for place, name in enumerate(found, 1)]


def tables(session: Session, pattern: str) -> list[tuple[Value, ...]]:
    """The tables that sp_tables lists."""
    rows = session.objects(session.database)
    names = sorted(str(row[1]) for row in rows if row[2] == "U" and scalars.like(re.sub(r"\\_", "_", pattern), row[1]))
    return [(session.database.name, "dbo", name, "TABLE", None) for name in names]
