"""T-SQL expressions into SQLite's, with their types."""

from __future__ import annotations

from . import functions, globalvars, operators, queries, sqltypes
from .errors import syntax
from .lexer import Cursor, Token
from .scope import Expr, Scope, literal
from .sqltypes import BIT, FAMILIES, INT, MAX, SqlType


COMPARISONS = {"=", "<>", "!=", "<", ">", "<=", ">=", "!<", "!>"}
# Words that end an expression, so that they are never taken for a column.
RESERVED = frozenset(
    [
        "FROM",
        "WHERE",
        "GROUP",
        "HAVING",
        "ORDER",
        "UNION",
        "EXCEPT",
        "INTERSECT",
        "AS",
        "ON",
        "INNER",
        "LEFT",
        "RIGHT",
        "FULL",
        "CROSS",
        "JOIN",
        "SELECT",
        "SET",
        "THEN",
        "WHEN",
        "ELSE",
        "END",
        "AND",
        "OR",
        "ASC",
        "DESC",
        "INTO",
        "VALUES",
        "OFFSET",
        "FETCH",
        "OPTION",
        "OUTPUT",
        "IN",
        "LIKE",
        "BETWEEN",
        "IS",
    ]
)


def translate(tokens: list[Token], scope: Scope) -> Expr:
    """Translate tokens that are one expression."""
    cursor = Cursor(tokens)
    made = Expressions(cursor, scope).expression()
    if not cursor.done:
        raise syntax(cursor.peek().text)
    return made


def read_type(cursor: Cursor) -> SqlType:
    """Take a type as in a declaration."""
    name = cursor.path()[-1].lower()
    name = {"integer": "int", "dec": "decimal", "character": "char", "double": "float"}.get(name, name)
    cursor.accept("PRECISION")
    cursor.accept("VARYING")
    inside = cursor.parenthesised() if cursor.at("(") else []
    sizes = [MAX if token.key == "MAX" else int(token.text) for token in inside if token.key != ","]
    if name not in FAMILIES:
        raise syntax(name)
    return sqltypes.make(name, sizes)


def boolean(sql: str) -> Expr:
    """A condition."""
    return Expr(sql, BIT)


class Expressions:
    """A parser that climbs T-SQL's precedences and writes SQLite's words on the way."""

    def __init__(self, cursor: Cursor, scope: Scope) -> None:
        self.cursor = cursor
        self.scope = scope

    def expression(self) -> Expr:
        """Take a condition or a value."""
        left = self._conjunction()
        while self.cursor.accept("OR"):
            left = boolean(f"({left.sql} OR {self._conjunction().sql})")
        return left

    def _conjunction(self) -> Expr:
        left = self._negation()
        while self.cursor.accept("AND"):
            left = boolean(f"({left.sql} AND {self._negation().sql})")
        return left

    def _negation(self) -> Expr:
        if self.cursor.accept("NOT"):
            return boolean(f"(NOT {self._negation().sql})")
        return self._comparison()

    def _comparison(self) -> Expr:
        left = self._sum()
        while True:
            cursor = self.cursor
            if cursor.peek().key in COMPARISONS:
                left = self._compare(left, self._operator())
            elif cursor.accept("IS"):
                negated = "NOT " if cursor.accept("NOT") else ""
                cursor.expect("NULL")
                left = boolean(f"({left.sql} IS {negated}NULL)")
            elif cursor.at("IN", "LIKE", "BETWEEN") or (
                cursor.at("NOT") and cursor.peek(1).key in ("IN", "LIKE", "BETWEEN")
            ):
                negated = "NOT " if cursor.accept("NOT") else ""
                left = {"IN": self._in, "LIKE": self._like, "BETWEEN": self._between}[cursor.next().key](left, negated)
            else:
                return left

    def _operator(self) -> str:
        operator = self.cursor.next().key
        return {"!=": "<>", "!<": ">=", "!>": "<="}.get(operator, operator)

    def _compare(self, left: Expr, operator: str) -> Expr:
        right = self._sum()
        first, second = operators.comparable(left, right)
        return boolean(f"({first} {operator} {second})")

    def _in(self, left: Expr, negated: str) -> Expr:
        inside = self.cursor.parenthesised()
        collate = " COLLATE NOCASE" if left.type.family in ("string", "guid") else ""
        if inside and inside[0].key in ("SELECT", "WITH"):
            query = queries.translate(inside, self.scope.inner())
            return boolean(f"({left.sql}{collate} {negated}IN ({query.sql}))")
        items = Expressions(Cursor(inside), self.scope).listed()
        kind = operators.common_type([each.type for each in (left, *items) if each.sql != "NULL"])
        listed = ", ".join(operators.convert(item, kind) for item in items)
        return boolean(f"({operators.convert(left, kind)}{collate} {negated}IN ({listed}))")

    def _like(self, left: Expr, negated: str) -> Expr:
        pattern = self._sum()
        escape = f", {self._sum().sql}" if self.cursor.accept("ESCAPE") else ""
        return boolean(f"({negated}like({pattern.sql}, {left.sql}{escape}))")

    def _between(self, left: Expr, negated: str) -> Expr:
        low = self._sum()
        self.cursor.expect("AND")
        high = self._sum()
        first, bottom = operators.comparable(left, low)
        _, top = operators.comparable(left, high)
        return boolean(f"({first} {negated}BETWEEN {bottom} AND {top})")

    def _sum(self) -> Expr:
        left = self._product()
        while self.cursor.at("+", "-", "&", "|", "^"):
            operator = self.cursor.next().key
            left = operators.add(left, operator, self._product())
        return left

    def _product(self) -> Expr:
        left = self._unary()
        while self.cursor.at("*", "/", "%"):
            operator = self.cursor.next().key
            right = self._unary()
            left = operators.multiply(left, operator, right)
        return left

    def _unary(self) -> Expr:
        if self.cursor.at("-", "+", "~"):
            operator = self.cursor.next().key
            operand = self._unary()
            return Expr(f"({operator} {operand.sql})", operand.type)
        made = self._primary()
        while self.cursor.accept("COLLATE"):
            self.cursor.next()
        if self.cursor.at("AT") and self.cursor.accept("AT", "TIME", "ZONE"):
            self._unary()
            return Expr(f"t_cast({made.sql}, 'datetimeoffset(7)')", sqltypes.DATETIMEOFFSET)
        return made

    def _primary(self) -> Expr:
        token = self.cursor.peek()
        if token.kind in ("string", "number", "hex"):
            return operators.constant(self.cursor.next())
        if token.kind == "var":
            return self._variable()
        if token.key == "(":
            return self._parenthesised()
        if token.key in ("NULL", "CASE", "EXISTS") and token.kind == "name":
            self.cursor.next()
            return {"NULL": self._null, "CASE": self._case, "EXISTS": self._exists}[token.key]()
        if token.kind not in ("name", "quoted") or token.key in RESERVED - {"LEFT", "RIGHT"}:
            raise syntax(token.text or self.cursor.peek(-1).text)
        parts = self.cursor.path()
        if self.cursor.at("("):
            return functions.call(parts[-1], self)
        return functions.word(parts[0], token, self) or self.scope.resolve(parts)

    def _null(self) -> Expr:
        return Expr("NULL", INT)

    def _variable(self) -> Expr:
        name = self.cursor.next().text
        if name.startswith("@@"):
            value, kind = globalvars.read(name, self.scope.frame.session)
            return Expr(literal(value), kind)
        variable = self.scope.frame.variable(name)
        return Expr(name.lower(), variable.type)

    def _parenthesised(self) -> Expr:
        inside = self.cursor.parenthesised()
        if inside and inside[0].key in ("SELECT", "WITH"):
            query = queries.translate(inside, self.scope.inner())
            return Expr(f"({query.sql})", query.columns[0][1])
        made = translate(inside, self.scope)
        return Expr(f"({made.sql})", made.type)

    def _exists(self) -> Expr:
        query = queries.translate(self.cursor.parenthesised(), self.scope.inner())
        return boolean(f"EXISTS ({query.sql})")

    def _case(self) -> Expr:
        parts = ["CASE"]
        if not self.cursor.at("WHEN"):
            parts.append(self.expression().sql)
        kinds: list[SqlType] = []
        while self.cursor.accept("WHEN"):
            condition = self.expression()
            self.cursor.expect("THEN")
            parts += ["WHEN", condition.sql, "THEN", self._branch(kinds)]
        if self.cursor.accept("ELSE"):
            parts += ["ELSE", self._branch(kinds)]
        self.cursor.expect("END")
        return Expr(f"({' '.join(parts)} END)", operators.common_type(kinds))

    def _branch(self, kinds: list[SqlType]) -> str:
        value = self.expression()
        if value.sql != "NULL":
            kinds.append(value.type)
        return value.sql

    def listed(self) -> list[Expr]:
        """Take expressions between commas, to the end of the tokens."""
        if not self.cursor.tokens:
            return []
        items = [self.expression()]
        while self.cursor.accept(","):
            items.append(self.expression())
        if not self.cursor.done:
            raise syntax(self.cursor.peek().text)
        return items
