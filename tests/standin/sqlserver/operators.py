"""Operators and literals: how SQLite writes them, and the types that they give."""

from __future__ import annotations

from . import sqltypes, wire
from .scope import Expr, literal
from .sqltypes import INT, MAX, SqlType, merge


TYPE_CHECKING = False
if TYPE_CHECKING:
    from .lexer import Token


def common_type(kinds: list[SqlType]) -> SqlType:
    """The type of what may be any of these."""
    made = kinds[0] if kinds else INT
    for kind in kinds[1:]:
        made = merge(made, kind)
    return made


def constant(token: Token) -> Expr:
    """A literal."""
    if token.kind == "string":
        kind = sqltypes.bounded_string("nvarchar" if token.key else "varchar", len(token.text))
        return Expr(literal(token.text), kind)
    if token.kind == "hex":
        data = bytes.fromhex(token.text[2:].rjust((len(token.text) - 1) // 2 * 2, "0"))
        return Expr(literal(data), wire.guess(data))
    if "e" in token.text.lower():
        return Expr(token.text, sqltypes.FLOAT)
    if "." in token.text:
        whole, _, fraction = token.text.partition(".")
        precision = max(len(whole.lstrip("0")) + len(fraction), 1)
        return Expr(token.text, SqlType("decimal", precision=min(precision, 38), scale=len(fraction)))
    return Expr(token.text, wire.guess(int(token.text)))


def comparable(left: Expr, right: Expr) -> tuple[str, str]:
    """Both sides of a comparison, made to compare as T-SQL does."""
    families = {left.type.family, right.type.family}
    if "temporal" in families:
        return f"t_instant({left.sql})", f"t_instant({right.sql})"
    if families <= {"string", "guid"}:
        return left.sql, f"{right.sql} COLLATE NOCASE"
    if "string" in families and families & {"int", "bit", "float", "decimal"}:
        return convert(left, right.type), convert(right, left.type)
    return left.sql, right.sql


def convert(side: Expr, other: SqlType) -> str:
    """Text beside a number is converted to the number's type, by T-SQL's precedence of types: 245 if it is none.

    https://learn.microsoft.com/sql/t-sql/data-types/data-type-precedence-transact-sql
    """
    if side.type.family != "string" or side.sql == "NULL" or other.family not in ("int", "bit", "float", "decimal"):
        return side.sql
    return f"t_cast({side.sql}, {literal(other.spell())})"


def add(left: Expr, operator: str, right: Expr) -> Expr:
    """A sum, a concatenation or an operation on bits."""
    families = {left.type.family, right.type.family}
    if operator == "+" and "string" in families and families <= {"string", "guid"}:
        name = "nvarchar" if left.type.wide or right.type.wide else "varchar"
        unbounded = MAX in (left.type.length, right.type.length)
        length = MAX if unbounded else min(left.type.length + right.type.length, 4000)
        return Expr(f"({left.sql} || {right.sql})", sqltypes.bounded_string(name, length))
    if operator == "+" and "string" in families and "NULL" in (left.sql, right.sql):
        return Expr("NULL", left.type if left.type.family == "string" else right.type)
    if "string" in families and families & {"int", "bit", "float", "decimal"}:
        sides = convert(left, right.type), convert(right, left.type)
        return Expr(f"({sides[0]} {operator} {sides[1]})", arithmetic(left.type, right.type, operator))
    if operator == "^":
        return Expr(f"(({left.sql} | {right.sql}) - ({left.sql} & {right.sql}))", merge(left.type, right.type))
    return Expr(f"({left.sql} {operator} {right.sql})", arithmetic(left.type, right.type, operator))


def multiply(left: Expr, operator: str, right: Expr) -> Expr:
    """A product or a quotient; dividing by zero is an error here."""
    kind = arithmetic(left.type, right.type, operator)
    if operator == "*":
        return Expr(f"({left.sql} * {right.sql})", kind)
    return Expr(f"t_divide('{operator}', {left.sql}, {right.sql})", kind)


def arithmetic(left: SqlType, right: SqlType, operator: str) -> SqlType:
    """The type that an operation on numbers gives."""
    kind = merge(left, right)
    if kind.family in ("string", "bit"):
        return INT
    if kind.family == "decimal" and operator in "*/":
        return SqlType("decimal", precision=38, scale=min(max(left.scale + right.scale, 6), 12))
    return kind
