"""CREATE TABLE and ALTER TABLE: what is declared, and how SQLite is told."""

from __future__ import annotations

from dataclasses import dataclass, field

from . import expressions
from .errors import syntax
from .lexer import Cursor, Token, groups
from .scope import Column, Frame, Scope, Source, quote
from .sqltypes import SqlType


_AFFINITY = {"int": "INTEGER", "bit": "INTEGER", "float": "REAL", "decimal": "NUMERIC", "binary": "BLOB"}
_SIZES = ("CLUSTERED", "NONCLUSTERED")


@dataclass
class Key:
    """A primary key, a unique constraint or an index."""

    kind: str
    name: str
    columns: list[str]


@dataclass
class Definition:
    """A table as its CREATE declares it."""

    name: str
    columns: list[Column] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    clauses: list[str] = field(default_factory=list)

    def sql(self, schema: str) -> str:
        """The CREATE TABLE for SQLite. An identity column is always the row's number, other keys are unique."""
        parts = []
        for column in self.columns:
            if column.identity:
                parts.append(f"{quote(column.name)} INTEGER PRIMARY KEY AUTOINCREMENT")
            else:
                parts.append(
                    f"{quote(column.name)} {storage_type(column.type)}{'' if column.nullable else ' NOT NULL'}"
                )
        identity = [column.name.lower() for column in self.columns if column.identity]
        others = [key for key in self.keys if [name.lower() for name in key.columns] != identity]
        parts += [f"UNIQUE ({', '.join(map(quote, key.columns))})" for key in others]
        return f"CREATE TABLE {quote(schema)}.{quote(self.name)} ({', '.join(parts + self.clauses)})"


def storage_type(kind: SqlType) -> str:
    """A column's type for SQLite."""
    return _AFFINITY.get(kind.family, "TEXT COLLATE NOCASE")


class Parser:
    """Reads the declarations of a table."""

    def __init__(self, name: str, frame: Frame) -> None:
        self.made = Definition(name)
        self.frame = frame

    def table(self, inside: list[Token]) -> Definition:
        """Read what is in the parentheses of a CREATE TABLE."""
        for part in groups(inside):
            if part:
                self.element(Cursor(part))
        primary = {name.lower() for key in self.made.keys if key.kind == "PK" for name in key.columns}
        self.made.columns = [
            Column(each.name, each.type, False, each.identity, each.default) if each.name.lower() in primary else each  # noqa: FBT003
            for each in self.made.columns
        ]
        return self.made

    def element(self, cursor: Cursor) -> None:
        """Read a column or a constraint."""
        name = cursor.name() if cursor.accept("CONSTRAINT") else ""
        if name or cursor.at("PRIMARY", "UNIQUE", "FOREIGN", "CHECK", "INDEX"):
            self._constraint(cursor, name, [])
        else:
            self._column(cursor)

    def _column(self, cursor: Cursor) -> None:
        name = cursor.name()
        kind = expressions.read_type(cursor)
        nullable, identity, default, constraint = True, False, None, ""
        while not cursor.done:
            if cursor.accept("NOT", "NULL"):
                nullable = False
            elif cursor.accept("NULL") or cursor.accept("ROWGUIDCOL"):
                pass
            elif cursor.accept("IDENTITY"):
                identity, nullable = True, False
                if cursor.at("("):
                    cursor.parenthesised()
            elif cursor.accept("WITH", "VALUES"):
                pass
            elif cursor.accept("COLLATE"):
                cursor.next()
            elif cursor.accept("CONSTRAINT"):
                constraint = cursor.name()
            elif cursor.accept("DEFAULT"):
                default = expressions.Expressions(cursor, Scope(self.frame)).expression().sql
                constraint = ""
            else:
                self.made.columns.append(Column(name, kind, nullable, identity, default))
                self._constraint(cursor, constraint, [name])
                nullable, identity = self.made.columns[-1].nullable, self.made.columns[-1].identity
                self.made.columns.pop()
                constraint = ""
        self.made.columns.append(Column(name, kind, nullable, identity, live(default)))

    def _constraint(self, cursor: Cursor, name: str, own: list[str]) -> None:
        table = self.made.name
        if cursor.accept("PRIMARY", "KEY") or cursor.at("UNIQUE", "INDEX"):
            word = cursor.next().key if cursor.at("UNIQUE", "INDEX") else "PRIMARY"
            kind = {"PRIMARY": "PK", "UNIQUE": "UQ", "INDEX": "IX"}[word]
            name = cursor.name() if kind == "IX" else name
            while cursor.accept("CLUSTERED") or cursor.accept("NONCLUSTERED"):
                pass
            columns = key_columns(cursor) if cursor.at("(") else own
            self.made.keys += [Key(kind, name or f"{kind}__{table}", columns)] if kind != "IX" else []
            if cursor.accept("WITH"):
                cursor.parenthesised()
            if cursor.accept("ON"):
                cursor.next()
        elif cursor.accept("CHECK"):
            columns_scope = Scope(self.frame, sources=[Source(table, self.made.columns)])
            check = expressions.translate(cursor.parenthesised(), columns_scope).sql
            self.made.clauses.append(f"CHECK ({check.replace(quote(table) + '.', '')})")
        elif cursor.at("FOREIGN", "REFERENCES"):
            self._foreign(cursor, own)
        elif cursor.accept("DEFAULT"):
            self._late_default(cursor)
        else:
            raise syntax(cursor.peek().text)

    def _late_default(self, cursor: Cursor) -> None:
        default = expressions.Expressions(cursor, Scope(self.frame)).expression().sql
        cursor.expect("FOR")
        self.made.columns.append(Column(cursor.name(), SqlType("int"), default=live(default)))

    def _foreign(self, cursor: Cursor, own: list[str]) -> None:
        columns = key_columns(cursor) if cursor.accept("FOREIGN", "KEY") else own
        cursor.expect("REFERENCES")
        target = cursor.path()[-1]
        others = f" ({', '.join(map(quote, key_columns(cursor)))})" if cursor.at("(") else ""
        action = ""
        while cursor.accept("ON"):
            action += f" ON {cursor.next().key} {cursor.next().key}"
            action += f" {cursor.next().key}" if cursor.at("NULL", "DEFAULT", "ACTION") else ""
        listed = ", ".join(map(quote, columns))
        self.made.clauses.append(f"FOREIGN KEY ({listed}) REFERENCES {quote(target)}{others}{action}")


def live(default: str | None) -> str | None:
    """A default that gives the time of the INSERT: clocks are literals elsewhere, as a statement has one time."""
    if default is None or not default.strip("()").startswith("'2"):
        return default
    text = default.strip("()'")
    if len(text) < 23 or text[10] != " ":
        return default
    return f"s_clock({len(text)})"


def key_columns(cursor: Cursor) -> list[str]:
    """Take the columns of a key."""
    return [part[0].text for part in groups(cursor.parenthesised())]
