"""T-SQL's functions into SQLite's words."""

from __future__ import annotations

from . import expressions, globalvars, operators, scalars
from .errors import SqlError, syntax
from .lexer import Cursor, Token, groups
from .scope import Expr, literal
from .sqltypes import (
    BIGINT,
    DATETIME,
    DATETIME2,
    DATETIMEOFFSET,
    FLOAT,
    GUID,
    INT,
    MAX,
    NVARCHAR,
    SMALLINT,
    SYSNAME,
    SqlType,
)
from .sqltypes import NVARCHAR_MAX as TEXT


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .expressions import Expressions

# Function: SQLite's name for it and its type; None is the type of the first argument.
SIMPLE: dict[str, tuple[str, SqlType | None]] = {
    "LEN": ("t_len", INT),
    "DATALENGTH": ("t_datalength", INT),
    "LOWER": ("t_lower", None),
    "UPPER": ("t_upper", None),
    "LTRIM": ("ltrim", None),
    "RTRIM": ("rtrim", None),
    "TRIM": ("trim", None),
    "REPLACE": ("replace", TEXT),
    "SUBSTRING": ("substr", None),
    "REVERSE": ("t_reverse", None),
    "REPLICATE": ("t_replicate", TEXT),
    "ABS": ("abs", None),
    "ROUND": ("round", None),
    "FLOOR": ("floor", None),
    "CEILING": ("ceil", None),
    "POWER": ("t_power", None),
    "SQRT": ("sqrt", FLOAT),
    "SIGN": ("sign", INT),
    "NEWID": ("t_newid", GUID),
    "NEWSEQUENTIALID": ("t_newid", GUID),
    "UNICODE": ("unicode", INT),
    "ASCII": ("unicode", INT),
    "NCHAR": ("char", SqlType("nvarchar", 1)),
    "CHAR": ("char", SqlType("varchar", 1)),
    "NULLIF": ("nullif", None),
    "MIN": ("min", None),
    "MAX": ("max", None),
    "SUM": ("sum", None),
    "AVG": ("avg", None),
    "ROW_NUMBER": ("row_number", BIGINT),
    "RANK": ("rank", BIGINT),
    "DENSE_RANK": ("dense_rank", BIGINT),
    "LAG": ("lag", None),
    "LEAD": ("lead", None),
    "STRING_AGG": ("group_concat", TEXT),
    "SWITCHOFFSET": ("t_switchoffset", DATETIMEOFFSET),
    # These ask the session; it gives them to its SQLite connection.
    "OBJECT_ID": ("s_object_id", INT),
    "OBJECT_NAME": ("s_object_name", SYSNAME),
    "COL_LENGTH": ("s_col_length", SMALLINT),
    "DB_ID": ("s_db_id", SMALLINT),
    "DB_NAME": ("s_db_name", SYSNAME),
    "SCHEMA_ID": ("s_schema_id", INT),
    "SCHEMA_NAME": ("s_schema_name", SYSNAME),
    "HAS_DBACCESS": ("s_has_dbaccess", INT),
    "DATABASEPROPERTYEX": ("s_databasepropertyex", SqlType("nvarchar", 128)),
    "IS_SRVROLEMEMBER": ("s_is_role", INT),
    "IS_MEMBER": ("s_is_role", INT),
    "IS_ROLEMEMBER": ("s_is_role", INT),
    "HAS_PERMS_BY_NAME": ("s_has_perms", INT),
    "APPLOCK_MODE": ("s_applock_mode", SqlType("nvarchar", 32)),
    "APPLOCK_TEST": ("s_applock_test", INT),
    "SUSER_ID": ("s_suser_id", INT),
    "TYPE_NAME": ("s_type_name", SYSNAME),
}
_CLOCKS = {
    "GETDATE": DATETIME,
    "GETUTCDATE": DATETIME,
    "CURRENT_TIMESTAMP": DATETIME,
    "SYSDATETIME": DATETIME2,
    "SYSUTCDATETIME": DATETIME2,
    "SYSDATETIMEOFFSET": DATETIMEOFFSET,
}
_USERS = ("SUSER_SNAME", "SUSER_NAME", "ORIGINAL_LOGIN", "SYSTEM_USER", "USER_NAME", "CURRENT_USER", "SESSION_USER")


def word(name: str, token: Token, parser: Expressions) -> Expr | None:
    """A function that is written without parentheses, if that is what the name is."""
    upper = name.upper()
    if token.kind != "name" or upper not in ("CURRENT_TIMESTAMP", "SYSTEM_USER", "CURRENT_USER", "SESSION_USER"):
        return None
    return _clock(upper, parser) if upper in _CLOCKS else _user(parser)


def call(name: str, parser: Expressions) -> Expr:
    """Take a function's arguments and translate the call."""
    upper = name.upper()
    inside = parser.cursor.parenthesised()
    if upper in _CLOCKS:
        return _clock(upper, parser)
    if upper in _USERS:
        return _user(parser)
    if upper in _SPECIAL:
        made = _SPECIAL[upper](upper, inside, parser)
    elif upper in SIMPLE:
        made = _simple(upper, inside, parser)
    else:
        text = f"'{name}' is not a recognized built-in function name."
        raise SqlError(195, text, level=15, state=10, aborts=True)
    return _over(made, parser)


def arguments(inside: list[Token], parser: Expressions) -> list[Expr]:
    """Translate arguments."""
    return expressions.Expressions(Cursor(inside), parser.scope).listed()


def _simple(upper: str, inside: list[Token], parser: Expressions) -> Expr:
    distinct = ""
    if inside and inside[0].key == "DISTINCT":
        distinct, inside = "DISTINCT ", inside[1:]
    found = arguments(inside, parser)
    target, kind = SIMPLE[upper]
    made = kind or (found[0].type if found else INT)
    if upper in ("SUM", "AVG") and made.family == "int":
        made = BIGINT if made.name == "bigint" else INT
    sql = f"{target}({distinct}{', '.join(argument.sql for argument in found)})"
    if upper == "AVG" and made.family == "int":
        sql = f"CAST({sql} AS INTEGER)"
    return Expr(sql, made)


def _over(made: Expr, parser: Expressions) -> Expr:
    cursor = parser.cursor
    if cursor.accept("WITHIN", "GROUP"):
        cursor.parenthesised()
    if not cursor.accept("OVER"):
        return made
    inside = Cursor(cursor.parenthesised())
    parts = []
    if inside.accept("PARTITION", "BY"):
        keys = arguments(inside.until("ORDER"), parser)
        parts.append("PARTITION BY " + ", ".join(key.sql for key in keys))
    if inside.accept("ORDER", "BY"):
        parts.append("ORDER BY " + ", ".join(ordered(part, parser) for part in groups(inside.rest())))
    return Expr(f"{made.sql} OVER ({' '.join(parts)})", made.type)


def ordered(tokens: list[Token], parser: Expressions) -> str:
    """A key of an ORDER BY."""
    direction = ""
    if tokens and tokens[-1].key in ("ASC", "DESC"):
        direction, tokens = f" {tokens[-1].key}", tokens[:-1]
    return expressions.translate(tokens, parser.scope).sql + direction


def _clock(upper: str, parser: Expressions) -> Expr:
    return Expr(literal(globalvars.clock(upper, parser.scope.frame.session)), _CLOCKS[upper])


def _user(parser: Expressions) -> Expr:
    return Expr(literal(parser.scope.frame.session.user), SYSNAME)


def _cast(upper: str, inside: list[Token], parser: Expressions) -> Expr:
    if upper in ("CAST", "TRY_CAST"):
        cursor = Cursor(inside)
        value = expressions.Expressions(cursor, parser.scope).expression()
        cursor.expect("AS")
        kind = _cast_type(cursor)
    else:
        first, second, *_ = groups(inside)
        kind = _cast_type(Cursor(first))
        value = expressions.translate(second, parser.scope)
    return cast(value, kind, "t_try_cast" if upper.startswith("TRY") else "t_cast")


def _cast_type(cursor: Cursor) -> SqlType:
    sized = cursor.peek(1).key == "("
    kind = expressions.read_type(cursor)
    # Without a length a cast means 30 where a declaration means 1.
    return SqlType(kind.name, 30) if kind.family in ("string", "binary") and kind.length == 1 and not sized else kind


def cast(value: Expr, kind: SqlType, function: str = "t_cast") -> Expr:
    """Convert an expression to a type."""
    return Expr(f"{function}({value.sql}, {literal(kind.spell())})", kind)


def _count(upper: str, inside: list[Token], parser: Expressions) -> Expr:
    kind = BIGINT if upper == "COUNT_BIG" else INT
    if [token.key for token in inside] == ["*"] or not inside:
        return Expr("count(*)", kind)
    distinct = "DISTINCT " if inside[0].key == "DISTINCT" else ""
    inside = inside[1:] if inside[0].key in ("DISTINCT", "ALL") else inside
    return Expr(f"count({distinct}{arguments(inside, parser)[0].sql})", kind)


def _coalesce(upper: str, inside: list[Token], parser: Expressions) -> Expr:
    found = arguments(inside, parser)
    known = [argument.type for argument in found if argument.sql != "NULL"]
    kind = known[0] if upper == "ISNULL" and known else operators.common_type(known)
    return Expr(f"coalesce({', '.join(argument.sql for argument in found)}, NULL)", kind)


def _iif(_upper: str, inside: list[Token], parser: Expressions) -> Expr:
    condition, yes, no = arguments(inside, parser)
    kinds = [value.type for value in (yes, no) if value.sql != "NULL"]
    return Expr(f"iif({condition.sql}, {yes.sql}, {no.sql})", operators.common_type(kinds))


def _dated(upper: str, inside: list[Token], parser: Expressions) -> Expr:
    first, *others = groups(inside)
    unit = scalars.UNIT_NAMES.get(first[0].text.lower() if first else "")
    if unit is None:
        raise syntax(first[0].text if first else upper)
    values = [expressions.translate(tokens, parser.scope) for tokens in others]
    sql = f"t_{upper.lower()}('{unit}', {', '.join(value.sql for value in values)})"
    if upper != "DATEADD":
        return Expr(sql, BIGINT if upper == "DATEDIFF_BIG" else INT)
    return Expr(sql, values[-1].type if values[-1].type.family == "temporal" else DATETIME)


def _single_part(upper: str, inside: list[Token], parser: Expressions) -> Expr:
    return Expr(f"t_datepart('{upper.lower()}', {arguments(inside, parser)[0].sql})", INT)


def _concat(_upper: str, inside: list[Token], parser: Expressions) -> Expr:
    return Expr("(" + " || ".join(f"coalesce({value.sql}, '')" for value in arguments(inside, parser)) + ")", NVARCHAR)


def _edge(upper: str, inside: list[Token], parser: Expressions) -> Expr:
    text, count = arguments(inside, parser)
    if upper == "LEFT":
        return Expr(f"substr({text.sql}, 1, {count.sql})", text.type)
    return Expr(f"(CASE WHEN {count.sql} > 0 THEN substr({text.sql}, -{count.sql}) ELSE '' END)", text.type)


def _charindex(_upper: str, inside: list[Token], parser: Expressions) -> Expr:
    needle, text, *_ = arguments(inside, parser)
    return Expr(f"instr(lower({text.sql}), lower({needle.sql}))", INT)


def _stuff(_upper: str, inside: list[Token], parser: Expressions) -> Expr:
    text, start, count, new = (value.sql for value in arguments(inside, parser))
    return Expr(
        f"(substr({text}, 1, {start} - 1) || {new} || substr({text}, {start} + {count}))", SqlType("nvarchar", MAX)
    )


def _server_property(_upper: str, inside: list[Token], parser: Expressions) -> Expr:
    name = inside[0].text if inside else ""
    value, kind = globalvars.server_property(name, parser.scope.frame.session)
    return Expr(literal(value), kind)


def _session_value(upper: str, _inside: list[Token], parser: Expressions) -> Expr:
    value, kind = globalvars.function(upper, parser.scope.frame.session)
    return Expr(literal(value), kind)


def _quotename(_upper: str, inside: list[Token], parser: Expressions) -> Expr:
    name = arguments(inside, parser)[0].sql
    return Expr(f"('[' || replace({name}, ']', ']]') || ']')", SqlType("nvarchar", 258))


_SPECIAL: dict[str, Callable[[str, list[Token], Expressions], Expr]] = {
    **dict.fromkeys(("CAST", "TRY_CAST", "CONVERT", "TRY_CONVERT"), _cast),
    **dict.fromkeys(("COUNT", "COUNT_BIG"), _count),
    **dict.fromkeys(("COALESCE", "ISNULL"), _coalesce),
    **dict.fromkeys(("DATEADD", "DATEDIFF", "DATEDIFF_BIG", "DATEPART"), _dated),
    **dict.fromkeys(("YEAR", "MONTH", "DAY"), _single_part),
    **dict.fromkeys(("LEFT", "RIGHT"), _edge),
    **dict.fromkeys(globalvars.FUNCTIONS, _session_value),
    "IIF": _iif,
    "CONCAT": _concat,
    "CHARINDEX": _charindex,
    "STUFF": _stuff,
    "SERVERPROPERTY": _server_property,
    "QUOTENAME": _quotename,
}
