"""Statements that make and remove databases, tables, columns and indexes."""

from __future__ import annotations

from . import definitions, errors, expressions, temporal
from .definitions import Definition, Key, key_columns
from .errors import SqlError
from .lexer import Cursor, Token
from .scope import Column, Expr, Frame, Scope, literal, quote
from .storage import Table, inner_name


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .sqltypes import SqlType


class Schema:
    """Runs one CREATE, ALTER, DROP or TRUNCATE."""

    def __init__(self, tokens: list[Token], frame: Frame) -> None:
        self.cursor = Cursor(tokens)
        self.frame = frame
        self.session = frame.session

    def run(self) -> None:
        """Run it; what the stand-in has no use for is accepted and does nothing."""
        verb = self.cursor.next().key
        unique = self.cursor.accept("UNIQUE")
        while self.cursor.accept("CLUSTERED") or self.cursor.accept("NONCLUSTERED"):
            pass
        what = self.cursor.next().key
        if what == "INDEX" and verb == "CREATE":
            self._create_index(unique=unique)
            return
        handlers: dict[tuple[str, str], Callable[[], None]] = {
            ("CREATE", "DATABASE"): self._create_database,
            ("DROP", "DATABASE"): self._drop_database,
            ("ALTER", "DATABASE"): self._alter_database,
            ("CREATE", "TABLE"): self._create_table,
            ("DROP", "TABLE"): self._drop_table,
            ("ALTER", "TABLE"): self._alter_table,
            ("TRUNCATE", "TABLE"): self._truncate,
            ("DROP", "INDEX"): self._drop_index,
        }
        if (verb, what) in handlers:
            handlers[verb, what]()
        elif what in ("PROCEDURE", "PROC", "VIEW", "TRIGGER", "FUNCTION"):
            raise SqlError(40517, f"The stand-in has no {what.lower()}s.", aborts=True)

    def _outside_transaction(self, words: str) -> None:
        if self.session.transaction.depth:
            text = f"{words} statement not allowed within multi-statement transaction."
            raise SqlError(226, text, level=16, state=6, aborts=True)

    def _create_database(self) -> None:
        self._outside_transaction("CREATE DATABASE")
        self.session.server.databases.create(self.cursor.name())

    def _drop_database(self) -> None:
        self._outside_transaction("DROP DATABASE")
        optional = self.cursor.accept("IF", "EXISTS")
        databases = self.session.server.databases
        for part in self._names():
            database = databases.find(part[-1])
            if database is None and optional:
                continue
            if database is None:
                text = (
                    f"Cannot drop the database '{part[-1]}', because it does not exist or you do not have permission."
                )
                raise SqlError(3701, text, level=11, aborts=True)
            if any(other.database == database for other in self.session.server.sessions()):
                text = f'Cannot drop database "{database.name}" because it is currently in use.'
                raise SqlError(3702, text, state=3, aborts=True)
            self.session.storage.detach()
            databases.drop(database)

    def _alter_database(self) -> None:
        name = self.cursor.name()
        database = self.session.database if name.upper() == "CURRENT" else self.session.open(name)
        rest = [token.key for token in self.cursor.rest()]
        if "ROLLBACK" in rest and "IMMEDIATE" in rest:
            for other in self.session.server.sessions():
                if other is not self.session and other.database == database:
                    other.channel.close()

    def _names(self) -> list[list[str]]:
        names = [self.cursor.path()]
        while self.cursor.accept(","):
            names.append(self.cursor.path())
        return names

    def _exists(self, name: str) -> SqlError:
        return SqlError(2714, f"There is already an object named '{name}' in the database.", state=6, aborts=True)

    def _create_table(self) -> None:
        path = self.cursor.path()
        if self.session.table(path) is not None:
            raise self._exists(path[-1])
        definition = definitions.Parser(inner_name(path), self.frame).table(self.cursor.parenthesised())
        self.create(path, definition)

    def create(self, path: list[str], definition: Definition) -> None:
        """Make a table and write down what SQLite doesn't keep of it."""
        storage = self.session.storage
        if path[-1][:1] in "#@":
            storage.write(None, definition.sql("temp"))
            storage.temporary[path[-1].lower()] = Table(path[-1], None, definition.columns)
            return
        database = self.session.open(path[-3]) if len(path) > 2 and path[-3] else self.session.database
        table = Table(inner_name(path), database, definition.columns)
        storage.write(database, definition.sql(database.alias))
        self._register(table, "U", table.name, "", None)
        for place, column in enumerate(definition.columns, 1):
            self._register_column(table, place, column)
        for key in definition.keys:
            self._register_key(table, key)

    def _register(self, table: Table, kind: str, name: str, parent: str, columns: str | None) -> None:
        created = temporal.now().text("datetime", 3)
        values = ", ".join(map(literal, (name, kind, parent, columns, created)))
        head = f"INSERT INTO {quote(table.alias)}.__objects (name, type, parent, columns, create_date)"
        self.session.storage.write(table.database, f"{head} VALUES ({values})")

    def _register_column(self, table: Table, place: int, column: Column) -> None:
        row = (table.name, place, column.name, column.type.spell(), int(column.nullable), int(column.identity))
        values = ", ".join(map(literal, (*row, column.default)))
        self.session.storage.write(table.database, f"INSERT INTO {quote(table.alias)}.__columns VALUES ({values})")  # noqa: S608 - names are quoted

    def _register_key(self, table: Table, key: Key) -> None:
        self._register(table, key.kind, key.name, table.name, ",".join(key.columns))

    def _existing(self, path: list[str]) -> Table:
        table = self.session.table(path)
        if table is None:
            text = (
                f'Cannot find the object "{".".join(path)}" because it does not exist or you do not have permissions.'
            )
            raise SqlError(4902, text, aborts=True)
        return table

    def _drop_table(self) -> None:
        optional = self.cursor.accept("IF", "EXISTS")
        for path in self._names():
            table = self.session.table(path)
            if table is None and optional:
                continue
            if table is None:
                name = ".".join(path)
                text = f"Cannot drop the table '{name}', because it does not exist or you do not have permission."
                raise SqlError(3701, text, level=11, state=5)
            storage = self.session.storage
            storage.write(table.database, f"DROP TABLE {table.sql}")
            if table.database is None:
                storage.temporary.pop(table.name.lower())
                continue
            name = literal(table.name)
            schema = quote(table.alias)
            storage.write(table.database, f"DELETE FROM {schema}.__columns WHERE table_name = {name}")  # noqa: S608 - names are quoted
            gone = f"(type = 'U' AND name = {name}) OR parent = {name}"
            storage.write(table.database, f"DELETE FROM {schema}.__objects WHERE {gone}")  # noqa: S608 - names are quoted

    def _truncate(self) -> None:
        table = self._existing(self.cursor.path())
        self.session.storage.write(table.database, f"DELETE FROM {table.sql}")  # noqa: S608 - names are quoted

    def _alter_table(self) -> None:
        table = self._existing(self.cursor.path())
        self.cursor.accept("WITH", "CHECK")
        self.cursor.accept("WITH", "NOCHECK")
        if self.cursor.accept("ADD"):
            self._add(table)
        elif self.cursor.accept("DROP"):
            self._remove(table)
        elif self.cursor.accept("ALTER", "COLUMN"):
            self._change(table)

    def _add(self, table: Table) -> None:
        parser = definitions.Parser(table.name, self.frame)
        made = parser.table(self.cursor.rest())
        known = {column.name.lower() for column in table.columns}
        for place, column in enumerate(made.columns, len(table.columns) + 1):
            if column.name.lower() in known:
                self._default(table, column)
                continue
            sql = f"ALTER TABLE {table.sql} ADD COLUMN {quote(column.name)} {definitions.storage_type(column.type)}"
            self.session.storage.write(table.database, sql)
            self._register_column(table, place, column)
            if column.default and not column.nullable:
                sql = " ".join(["UPDATE", table.sql, "SET", quote(column.name), "=", column.default])
                self.session.storage.write(table.database, sql)
        for key in made.keys:
            self._index(table, key)

    def _default(self, table: Table, column: Column) -> None:
        if column.default is None:
            text = f"Column names in each table must be unique. Column name '{column.name}' in table '{table.name}' "
            raise SqlError(2705, f"{text}is specified more than once.", state=4, aborts=True)
        where = f"table_name = {literal(table.name)} AND name = {literal(column.name)}"
        change = f"SET default_sql = {literal(column.default)} WHERE {where}"
        self.session.storage.write(table.database, f"UPDATE {quote(table.alias)}.__columns {change}")

    def _remove(self, table: Table) -> None:
        if self.cursor.accept("CONSTRAINT"):
            return
        self.cursor.expect("COLUMN")
        self.cursor.accept("IF", "EXISTS")
        name = self.cursor.name()
        if name.lower() not in {column.name.lower() for column in table.columns}:
            text = f"ALTER TABLE DROP COLUMN failed because column '{name}' does not exist in table '{table.name}'."
            raise SqlError(4924, text, aborts=True)
        self.session.storage.write(table.database, f"ALTER TABLE {table.sql} DROP COLUMN {quote(name)}")
        where = f"table_name = {literal(table.name)} AND name = {literal(name)}"
        self.session.storage.write(table.database, f"DELETE FROM {quote(table.alias)}.__columns WHERE {where}")  # noqa: S608 - names are quoted

    def _change(self, table: Table) -> None:
        name = self.cursor.name()
        kind = expressions.read_type(self.cursor)
        where = f"table_name = {literal(table.name)} AND name = {literal(name)}"
        change = f"SET type = {literal(kind.spell())} WHERE {where}"
        self.session.storage.write(table.database, f"UPDATE {quote(table.alias)}.__columns {change}")

    def _create_index(self, *, unique: bool) -> None:
        name = self.cursor.name()
        self.cursor.expect("ON")
        path = self.cursor.path()
        table = self.session.table(path)
        if table is None:
            raise SqlError(
                1088, f'Cannot find the object "{".".join(path)}" because it does not exist.', state=12, aborts=True
            )
        columns = key_columns(self.cursor)
        known = {column.name.lower() for column in table.columns}
        for column in columns:
            if column.lower() not in known:
                text = f"Column name '{column}' does not exist in the target table or view."
                raise SqlError(1911, text, aborts=True)
        names = {(row[1].lower(), str(row[3]).lower()) for row in self.session.objects_with_columns()}
        if (name.lower(), table.name.lower()) in names:
            text = f"The operation failed because an index or statistics with name '{name}' already exists on table "
            raise SqlError(1913, f"{text}'{table.name}'.", aborts=True)
        where = ""
        if self.cursor.accept("INCLUDE"):
            self.cursor.parenthesised()
        if self.cursor.accept("WHERE"):
            scope = Scope(self.frame)
            scope.resolve = lambda parts: Expr(quote(parts[-1]), columns_type(table, parts[-1]))  # type: ignore[method-assign]
            where = f" WHERE {expressions.translate(self.cursor.until('WITH', 'ON'), scope).sql}"
        self._index(table, Key("IX", name, columns), unique=unique, where=where)

    def _index(self, table: Table, key: Key, *, unique: bool = True, where: str = "") -> None:
        name = f"{quote(table.alias)}.{quote(f'{table.name}.{key.name}')}"
        kind = "UNIQUE INDEX" if unique else "INDEX"
        columns = ", ".join(map(quote, key.columns))
        self.session.storage.write(table.database, f"CREATE {kind} {name} ON {quote(table.name)} ({columns}){where}")
        if table.database is not None:
            self._register_key(table, key)

    def _drop_index(self) -> None:
        self.cursor.accept("IF", "EXISTS")
        name = self.cursor.name()
        self.cursor.expect("ON")
        table = self._existing(self.cursor.path())
        sql = f"DROP INDEX IF EXISTS {quote(table.alias)}.{quote(f'{table.name}.{name}')}"
        self.session.storage.write(table.database, sql)
        where = f"name = {literal(name)} AND parent = {literal(table.name)}"
        self.session.storage.write(table.database, f"DELETE FROM {quote(table.alias)}.__objects WHERE {where}")  # noqa: S608 - names are quoted


def columns_type(table: Table, name: str) -> SqlType:
    """The type of a table's column."""
    for column in table.columns:
        if column.name.lower() == name.lower():
            return column.type
    raise errors.invalid_column(name)
