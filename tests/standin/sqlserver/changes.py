"""INSERT, UPDATE and DELETE."""

from __future__ import annotations

from dataclasses import dataclass

from . import expressions, queries, tables
from .errors import SqlError, invalid_column, invalid_object, syntax
from .lexer import Cursor, Token, groups
from .scope import Column, Expr, Frame, Scope, Source, literal, quote


TYPE_CHECKING = False
if TYPE_CHECKING:
    from .sqltypes import SqlType
    from .storage import Table


@dataclass
class Change:
    """A translated change; `columns` are those of its OUTPUT."""

    table: Table
    sql: str
    columns: list[tuple[str, SqlType]]
    # INSERT ... EXEC: the statement whose rows are inserted, and into which columns.
    execute: list[Token] | None = None
    targets: tuple[str, ...] = ()


def fit(value: Expr, column: Column, table: str) -> str:
    """A value on its way into a column, converted where its type is another."""
    same = value.type.name == column.type.name and value.type.scale == column.type.scale
    if value.sql == "NULL" or (same and value.type.family not in ("string", "binary", "bit")):
        return value.sql
    return f"t_assign({value.sql}, {literal(column.type.spell())}, {literal(f'{table}.{column.name}')})"


class Changes:
    """Translates one change."""

    def __init__(self, tokens: list[Token], frame: Frame) -> None:
        self.cursor = Cursor(tokens)
        self.frame = frame
        self.scope = Scope(frame)
        # What joins the changed table to others: its FROM, and then also its WHERE.
        self.joined = ""
        self.prefix = queries.common_tables(self.cursor, self.scope)

    def translate(self) -> Change:
        """Translate it, whichever it is."""
        verb = self.cursor.next().key
        return {"INSERT": self._insert, "UPDATE": self._update, "DELETE": self._delete}[verb]()

    def _table(self) -> Table:
        parts = [self.cursor.next().text] if self.cursor.peek().kind == "var" else self.cursor.path()
        return self._find(parts)

    def _find(self, parts: list[str]) -> Table:
        table = self.frame.session.table(parts)
        if table is None:
            raise invalid_object(".".join(parts))
        return table

    def _output(self, table: Table) -> tuple[str, list[tuple[str, SqlType]]]:
        if not self.cursor.accept("OUTPUT"):
            return "", []
        scope = Scope(self.frame, sources=[Source(name, table.columns) for name in ("INSERTED", "DELETED")])
        items: list[Expr] = []
        for part in groups(self.cursor.until("VALUES", "SELECT", "INTO", "FROM", "WHERE", "DEFAULT", "EXEC")):
            if part[-1].key == "*":
                items += [scope.sources[0].expr(column) for column in table.columns]
                continue
            cursor = Cursor(part)
            item = expressions.Expressions(cursor, scope).expression()
            cursor.accept("AS")
            items.append(item if cursor.done else item.called(cursor.name()))
        words = ", ".join(item.sql for item in items)
        # SQLite's RETURNING knows the row's columns by their bare names only.
        bare = words.replace("`INSERTED`.", "").replace("`DELETED`.", "")
        return f" RETURNING {bare}", [(item.name, item.type) for item in items]

    def _insert(self) -> Change:
        cursor = self.cursor
        cursor.accept("INTO")
        table = self._table()
        tables.hints(cursor)
        names = [part[-1].text for part in groups(cursor.parenthesised())] if cursor.at("(") else None
        columns = _targets(table, names)
        returning, titles = self._output(table)
        # Defaults are evaluated here, as SQLite takes only constant ones for new columns.
        given = {column.name for column in columns}
        others = [column for column in table.columns if column.default and column.name not in given]
        extra = [str(column.default) for column in others]
        listed = ", ".join(quote(column.name) for column in columns + others)
        head = f"{self.prefix}INSERT INTO {table.sql} ({listed})"
        if cursor.at("EXEC", "EXECUTE"):
            return Change(table, head, titles, cursor.rest(), tuple(column.name for column in columns))
        if cursor.accept("DEFAULT", "VALUES"):
            body = f"VALUES ({', '.join(extra)})"
            head = f"INSERT INTO {table.sql} ({', '.join(quote(column.name) for column in others)})"
            return Change(
                table, f"{head} {body}{returning}" if others else f"{head[:-2]}DEFAULT VALUES{returning}", titles
            )
        if cursor.accept("VALUES"):
            rows = [self._row(part, columns, table, extra) for part in groups(cursor.rest())]
            return Change(table, f"{head} VALUES {', '.join(rows)}{returning}", titles)
        return Change(table, f"{head} {self._selected(columns, table, extra)}{returning}", titles)

    def _row(self, tokens: list[Token], columns: list[Column], table: Table, extra: list[str]) -> str:
        inside = Cursor(tokens).parenthesised()
        values = []
        parts = groups(inside)
        _same_count(len(parts), len(columns))
        for part, column in zip(parts, columns, strict=True):
            if [token.key for token in part] == ["DEFAULT"]:
                values.append(column.default or "NULL")
            else:
                values.append(fit(expressions.translate(part, self.scope), column, table.name))
        return f"({', '.join(values + extra)})"

    def _selected(self, columns: list[Column], table: Table, extra: list[str]) -> str:
        rest = self.cursor.rest()
        if not rest:
            raise syntax(table.name)
        query = queries.translate(rest, self.scope)
        _same_count(len(query.columns), len(columns))
        titles = ", ".join(quote(f"c{place}") for place in range(len(columns)))
        values = [
            fit(Expr(quote(f"c{place}"), kind), column, table.name)
            for place, ((_, kind), column) in enumerate(zip(query.columns, columns, strict=True))
        ]
        listed = ", ".join(values + extra)
        # WHERE keeps SQLite from reading an ON behind the query as a conflict clause.
        return " ".join(["SELECT", listed, f"FROM (WITH `q`({titles}) AS ({query.sql}) SELECT * FROM `q`) WHERE 1"])  # noqa: S608 - names are quoted

    def _update(self) -> Change:
        limit = self._limit()
        cursor = self.cursor
        parts = [cursor.next().text] if cursor.peek().kind == "var" else cursor.path()
        tables.hints(cursor)
        cursor.expect("SET")
        sets = cursor.until("OUTPUT", "FROM", "WHERE")
        place = cursor.position
        table = self._from(parts)
        condition = self._condition(table, parts, limit)
        end = cursor.position
        cursor.position = place
        returning, titles = self._output(table)
        cursor.position = end
        words = [self._assignment(part, table, parts[-1]) for part in groups(sets)]
        head = [f"{self.prefix}UPDATE", table.sql, "AS", quote("__t" if self.joined else table.name), "SET"]
        return Change(table, " ".join([*head, ", ".join(words) + condition + returning]), titles)

    def _assignment(self, tokens: list[Token], table: Table, alias: str) -> str:
        cursor = Cursor(tokens)
        name = cursor.path()[-1]
        column = next((each for each in table.columns if each.name.lower() == name.lower()), None)
        if column is None:
            raise invalid_column(name)
        operator = cursor.next().key
        rest = cursor.rest()
        if [token.key for token in rest] == ["DEFAULT"]:
            return f"{quote(column.name)} = {column.default or 'NULL'}"
        if operator in ("+=", "-="):
            rest = [
                *tokens[: len(tokens) - len(rest) - 1],
                tokens[0]._replace(kind="op", text=operator[0], key=operator[0]),
                *rest,
            ]
        elif operator != "=":
            raise syntax(operator)
        value = fit(expressions.translate(rest, self.scope), column, table.name)
        if self.joined:
            # The value may name the joined tables: it is looked up in the join's row for the changed one.
            value = f"(SELECT {value} {self.joined} AND {quote(alias)}._rowid_ = `__t`._rowid_ LIMIT 1)"
        return f"{quote(column.name)} = {value}"

    def _limit(self) -> str:
        if not self.cursor.accept("TOP"):
            return ""
        tokens = self.cursor.parenthesised() if self.cursor.at("(") else [self.cursor.next()]
        return f" LIMIT {expressions.translate(tokens, self.scope).sql}"

    def _from(self, parts: list[str]) -> Table:
        """Find the changed table, which the statement may name by its alias in FROM; put it into the scope."""
        self.cursor.until("FROM", "WHERE")
        if not self.cursor.accept("FROM"):
            table = self._find(parts)
            self.scope.sources.append(Source(table.name, table.columns))
            return table
        tokens = self.cursor.until("WHERE", "OPTION")
        self.joined = tables.From(Cursor(tokens), self.scope).translate()
        for source in self.scope.sources:
            if source.alias.lower() == parts[-1].lower() and source.path:
                return self._find(list(source.path))
        return self._find(parts)

    def _condition(self, table: Table, parts: list[str], limit: str) -> str:
        where = "1"
        if self.cursor.accept("WHERE"):
            where = expressions.translate(self.cursor.until("OPTION"), self.scope).sql
        if self.joined:
            self.joined = f"FROM {self.joined} WHERE {where}"
            return " ".join([" WHERE _rowid_ IN (SELECT", f"{quote(parts[-1])}._rowid_", f"{self.joined})"])
        if limit:
            chosen = ["SELECT _rowid_ FROM", table.sql, "AS", quote(table.name), "WHERE", where, limit]
            return f" WHERE _rowid_ IN ({' '.join(chosen)})"
        return f" WHERE {where}"

    def _delete(self) -> Change:
        limit = self._limit()
        self.cursor.accept("FROM")
        parts = [self.cursor.next().text] if self.cursor.peek().kind == "var" else self.cursor.path()
        tables.hints(self.cursor)
        place = self.cursor.position
        table = self._from(parts)
        condition = self._condition(table, parts, limit)
        self.cursor.position = place
        returning, titles = self._output(table)
        words = [f"{self.prefix}DELETE FROM", table.sql, "AS", f"{quote(table.name)}{condition}{returning}"]
        return Change(table, " ".join(words), titles)


def _targets(table: Table, names: list[str] | None) -> list[Column]:
    if names is None:
        return [column for column in table.columns if not column.identity]
    known = {column.name.lower(): column for column in table.columns}
    for name in names:
        if name.lower() not in known:
            raise invalid_column(name)
    return [known[name.lower()] for name in names]


def _same_count(values: int, columns: int) -> None:
    if values == columns:
        return
    fewer = "fewer" if values > columns else "more"
    text = f"There are {fewer} columns in the INSERT statement than values specified in the VALUES clause."  # noqa: S608 - an error's words
    raise SqlError(110 if values > columns else 109, text, level=15, aborts=True)
