"""FROM into SQLite's words: which tables a query reads and under which names."""

from __future__ import annotations

from . import catalog, expressions, queries
from .errors import invalid_object, syntax
from .lexer import Cursor, groups
from .scope import Column, Scope, Source, quote


JOINS = ("INNER", "LEFT", "RIGHT", "FULL", "CROSS", "JOIN", ",", "OUTER")
_AFTER_TABLE = frozenset({*JOINS, "ON", "WITH", "WHERE", "SET", "OUTPUT", "VALUES", "SELECT", "DEFAULT", "("})


class From:
    """A FROM clause; what it names is added to the scope."""

    def __init__(self, cursor: Cursor, scope: Scope) -> None:
        self.cursor = cursor
        self.scope = scope

    def translate(self) -> str:
        """Translate all of it."""
        words = self._source()
        while not self.cursor.done:
            if self.cursor.accept(","):
                words += ", " + self._source()
                continue
            words += f" {self._join()} {self._source()}"
            if self.cursor.accept("ON"):
                condition = expressions.Expressions(self.cursor, self.scope).expression()
                words += f" ON {condition.sql}"
        return words

    def _join(self) -> str:
        words = []
        while self.cursor.at("INNER", "LEFT", "RIGHT", "FULL", "CROSS", "OUTER"):
            words.append(self.cursor.next().key)
        if not self.cursor.at("JOIN"):
            raise syntax(self.cursor.peek().text)
        words.append(self.cursor.next().key)
        return " ".join(words)

    def _source(self) -> str:
        if self.cursor.at("("):
            return self._derived()
        parts = [self.cursor.next().text] if self.cursor.peek().kind == "var" else self.cursor.path()
        words, columns = find(parts, self.scope)
        hints(self.cursor)
        alias = self._alias() or parts[-1]
        hints(self.cursor)
        self.scope.sources.append(Source(alias, columns, parts))
        return f"{words} AS {quote(alias)}"

    def _derived(self) -> str:
        inside = self.cursor.parenthesised()
        if inside and inside[0].key not in ("SELECT", "WITH", "VALUES"):
            return f"({From(Cursor(inside), self.scope).translate()})"
        if inside and inside[0].key == "VALUES":
            return self._values(Cursor(inside[1:]))
        query = queries.translate(inside, self.scope.inner())
        alias = self._alias()
        self.scope.sources.append(Source(alias, [Column(name, kind) for name, kind in query.columns]))
        return f"({query.sql}) AS {quote(alias)}"

    def _values(self, cursor: Cursor) -> str:
        rows = [expressions.Expressions(Cursor(part[1:-1]), self.scope).listed() for part in groups(cursor.rest())]
        alias = self._alias()
        names = [part[0].text for part in groups(self.cursor.parenthesised())]
        columns = [Column(name, value.type) for name, value in zip(names, rows[0], strict=True)]
        self.scope.sources.append(Source(alias, columns))
        titles = ", ".join(f"column{place} AS {quote(name)}" for place, name in enumerate(names, 1))
        listed = ", ".join(f"({', '.join(value.sql for value in row)})" for row in rows)
        return " ".join(["(SELECT", titles, "FROM (VALUES", listed, ")) AS", quote(alias)])

    def _alias(self) -> str:
        if self.cursor.accept("AS"):
            return self.cursor.name()
        token = self.cursor.peek()
        if token.kind == "quoted" or (token.kind == "name" and token.key not in _AFTER_TABLE):
            return self.cursor.name()
        return ""


def hints(cursor: Cursor) -> None:
    """Take `WITH (NOLOCK, ...)`, which means nothing here."""
    if cursor.at("WITH") and cursor.peek(1).key == "(":
        cursor.next()
        cursor.parenthesised()
    elif cursor.at("(") and cursor.peek(1).key in ("NOLOCK", "UPDLOCK", "READPAST", "HOLDLOCK", "TABLOCKX"):
        cursor.parenthesised()


def find(parts: list[str], scope: Scope) -> tuple[str, list[Column]]:
    """The words by which SQLite names a table or view, and its columns; error 208 if there is none."""
    if len(parts) == 1 and parts[0].lower() in scope.common:
        source = scope.common[parts[0].lower()]
        return quote(source.alias), list(source.columns)
    session = scope.frame.session
    view = catalog.view(parts, session)
    if view is not None:
        return view
    table = session.table(parts)
    if table is None:
        raise invalid_object(".".join(parts))
    return table.sql, table.columns
