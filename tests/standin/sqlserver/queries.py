"""SELECT into SQLite's words."""

from __future__ import annotations

from dataclasses import dataclass, field

from . import expressions, tables
from .errors import SqlError, syntax
from .lexer import Cursor, Token, groups
from .scope import Column, Expr, Scope, Source, quote


TYPE_CHECKING = False
if TYPE_CHECKING:
    from .sqltypes import SqlType


SET_OPERATORS = ("UNION", "EXCEPT", "INTERSECT")
CLAUSES = ("INTO", "FROM", "WHERE", "GROUP", "HAVING", "ORDER", "FOR", "OPTION", "OFFSET")


@dataclass
class Query:
    """A translated query: its words, its columns, and the variables that it assigns to instead of giving rows."""

    sql: str
    columns: list[tuple[str, SqlType]]
    variables: list[str] = field(default_factory=list)
    into: list[str] | None = None


def translate(tokens: list[Token], scope: Scope) -> Query:
    """Translate a query, with its WITH and its UNIONs."""
    cursor = Cursor(tokens)
    prefix = common_tables(cursor, scope)
    parts: list[str] = []
    first: Query | None = None
    while True:
        part = _Select(Cursor(cursor.until(*SET_OPERATORS)), scope.inner(), first)
        made = part.translate()
        parts.append(made.sql)
        first = first or made
        if cursor.done:
            break
        operator = cursor.next().key
        parts.append(f"{operator} ALL" if cursor.accept("ALL") else operator)
    return Query(prefix + " ".join(parts), first.columns, first.variables, first.into)


def common_tables(cursor: Cursor, scope: Scope) -> str:
    """Take `WITH name AS (...), ...`, add the names to the scope, and give it in SQLite's words."""
    if not cursor.accept("WITH"):
        return ""
    made = []
    while True:
        name = cursor.name()
        names = [part[0].text for part in groups(cursor.parenthesised())] if cursor.at("(") else []
        cursor.expect("AS")
        query = translate(cursor.parenthesised(), scope)
        columns = [Column(names[i] if names else title, kind) for i, (title, kind) in enumerate(query.columns)]
        scope.common[name.lower()] = Source(name, columns)
        titles = f"({', '.join(quote(column.name) for column in columns)})"
        made.append(f"{quote(name)}{titles} AS ({query.sql})")
        if not cursor.accept(","):
            return f"WITH {', '.join(made)} "


class _Select:
    """One SELECT without set operators; `first` is the union's first part, whose columns an ORDER BY names."""

    def __init__(self, cursor: Cursor, scope: Scope, first: Query | None) -> None:
        self.cursor = cursor
        self.scope = scope
        self.first = first
        self.items: list[Expr] = []
        self.variables: list[str] = []

    def translate(self) -> Query:
        """Translate clause by clause: the sources come before the expressions that name them."""
        cursor = self.cursor
        if cursor.at("("):
            return translate(cursor.parenthesised(), self.scope)
        cursor.expect("SELECT")
        distinct = "DISTINCT " if cursor.accept("DISTINCT") else ""
        cursor.accept("ALL")
        limit = self._top()
        listed = cursor.until(*CLAUSES)
        if not all(groups(listed)):
            raise syntax(cursor.peek().text or cursor.peek(-1).text)
        into = cursor.path() if cursor.accept("INTO") else None
        source = ""
        if cursor.accept("FROM"):
            source = " FROM " + tables.From(Cursor(cursor.until(*CLAUSES)), self.scope).translate()
        for part in groups(listed):
            self._item(part)
        tail = self._where() + self._group() + self._order() + (self._page() or limit)
        if not cursor.done and not cursor.at("FOR", "OPTION"):
            raise syntax(cursor.peek().text)
        if self.variables and len(self.variables) != len(self.items):
            text = "A SELECT statement that assigns a value to a variable must not be combined with data-retrieval."
            raise SqlError(141, text, level=15, aborts=True)
        written = ", ".join(f"{item.sql} AS {quote(item.name or f'_{place}')}" for place, item in enumerate(self.items))
        columns = [(item.name, item.type) for item in self.items]
        return Query(f"SELECT {distinct}{written}{source}{tail}", columns, self.variables, into)

    def _top(self) -> str:
        if not self.cursor.accept("TOP"):
            return ""
        tokens = self.cursor.parenthesised() if self.cursor.at("(") else [self.cursor.next()]
        self.cursor.accept("PERCENT")
        self.cursor.accept("WITH", "TIES")
        return f" LIMIT {expressions.translate(tokens, self.scope).sql}"

    def _item(self, tokens: list[Token]) -> None:
        if not tokens:
            raise syntax("," if self.cursor.peek(-1).key else "SELECT")
        if tokens[-1].key == "*" and (len(tokens) == 1 or tokens[-2].key == "."):
            self._star(tokens[-3].text if len(tokens) > 2 else None)
            return
        if len(tokens) > 1 and tokens[1].key == "=":
            value = expressions.translate(tokens[2:], self.scope)
            if tokens[0].kind == "var":
                self.variables.append(tokens[0].text)
            self.items.append(value.called(tokens[0].text))
            return
        cursor = Cursor(tokens)
        value = expressions.Expressions(cursor, self.scope).expression()
        named = cursor.accept("AS")
        if not cursor.done and (cursor.peek().kind in ("quoted", "string", "name")):
            value = value.called(cursor.next().text)
        elif named:
            raise syntax("AS")
        if not cursor.done:
            raise syntax(cursor.peek().text)
        self.items.append(value)

    def _star(self, alias: str | None) -> None:
        wanted = [each for each in self.scope.sources if alias is None or each.alias.lower() == alias.lower()]
        if not wanted:
            raise syntax("*")
        for source in wanted:
            self.items += [source.expr(column) for column in source.columns]

    def _where(self) -> str:
        if not self.cursor.accept("WHERE"):
            return ""
        return f" WHERE {expressions.translate(self.cursor.until(*CLAUSES), self.scope).sql}"

    def _group(self) -> str:
        words = ""
        if self.cursor.accept("GROUP", "BY"):
            parts = groups(self.cursor.until(*CLAUSES))
            words = " GROUP BY " + ", ".join(expressions.translate(part, self.scope).sql for part in parts)
        if self.cursor.accept("HAVING"):
            words += f" HAVING {expressions.translate(self.cursor.until(*CLAUSES), self.scope).sql}"
        return words

    def _order(self) -> str:
        if not self.cursor.accept("ORDER", "BY"):
            return ""
        return " ORDER BY " + ", ".join(self._key(part) for part in groups(self.cursor.until(*CLAUSES)))

    def _key(self, tokens: list[Token]) -> str:
        direction = ""
        if tokens and tokens[-1].key in ("ASC", "DESC"):
            direction, tokens = f" {tokens[-1].key}", tokens[:-1]
        if len(tokens) == 1:
            titles = [name for name, _ in self.first.columns] if self.first else [item.name for item in self.items]
            for place, title in enumerate(titles, 1):
                if title.lower() == tokens[0].text.lower() and tokens[0].kind in ("name", "quoted"):
                    return f"{place}{direction}"
            if tokens[0].kind == "number":
                return tokens[0].text + direction
        return expressions.translate(tokens, self.scope).sql + direction

    def _page(self) -> str:
        cursor = self.cursor
        if not cursor.accept("OFFSET"):
            return ""
        skip = expressions.translate(cursor.until("ROW", "ROWS"), self.scope).sql
        cursor.next()
        count = "-1"
        if cursor.accept("FETCH"):
            cursor.next()
            count = expressions.translate(cursor.until("ROW", "ROWS"), self.scope).sql
            cursor.next()
            cursor.expect("ONLY")
        return f" LIMIT {count} OFFSET {skip}"
