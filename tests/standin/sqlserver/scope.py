"""What names mean where an expression stands."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from . import errors


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .session import Session
    from .sqltypes import SqlType
    from .wire import Value


@dataclass(frozen=True)
class Expr:
    """An expression in SQLite's words, its T-SQL type, and the name that it has as a column."""

    sql: str
    type: SqlType
    name: str = ""

    def called(self, name: str) -> Expr:
        """The same under another name."""
        return replace(self, name=name)


@dataclass(frozen=True)
class Column:
    """A table's column."""

    name: str
    type: SqlType
    nullable: bool = True
    identity: bool = False
    default: str | None = None


@dataclass(frozen=True)
class Source:
    """Something in a FROM: how it is called there, what columns it has, and its own name if it is a table."""

    alias: str
    columns: Sequence[Column]
    path: Sequence[str] = ()

    def find(self, name: str) -> Expr | None:
        """Its column of that name."""
        for column in self.columns:
            if column.name.lower() == name.lower():
                return self.expr(column)
        return None

    def expr(self, column: Column) -> Expr:
        """A column of it as an expression."""
        return Expr(f"{quote(self.alias)}.{quote(column.name)}", column.type, column.name)


@dataclass
class Variable:
    """A variable or parameter of a batch."""

    type: SqlType
    value: Value = None


@dataclass
class Frame:
    """A batch being run: whose it is, and its variables."""

    session: Session
    variables: dict[str, Variable] = field(default_factory=dict)

    def variable(self, name: str) -> Variable:
        """The variable of that name, or error 137."""
        try:
            return self.variables[name.lower()]
        except KeyError:
            raise errors.undeclared(name) from None

    def bindings(self) -> dict[str, Value]:
        """The variables as SQLite takes them."""
        return {name[1:]: variable.value for name, variable in self.variables.items()}


@dataclass
class Scope:
    """The sources that an expression can name, and those around it."""

    frame: Frame
    parent: Scope | None = None
    sources: list[Source] = field(default_factory=list)
    common: dict[str, Source] = field(default_factory=dict)

    def inner(self) -> Scope:
        """The scope of a query inside this one."""
        return Scope(self.frame, self, common=dict(self.common))

    def resolve(self, parts: list[str]) -> Expr:
        """The column that a name means, or error 207 or 4104."""
        found = self._find(parts)
        if found is not None:
            return found
        raise errors.invalid_column(parts[0]) if len(parts) == 1 else errors.unbound(".".join(parts))

    def _find(self, parts: list[str]) -> Expr | None:
        for source in self.sources:
            if len(parts) > 1 and source.alias.lower() != parts[-2].lower():
                continue
            found = source.find(parts[-1])
            if found is not None:
                return found
            if len(parts) > 1:
                raise errors.invalid_column(parts[-1])
        return self.parent._find(parts) if self.parent else None  # noqa: SLF001 - the same class


def quote(name: str) -> str:
    """An identifier that SQLite takes for nothing else."""
    return "`" + name.replace("`", "``") + "`"


def literal(value: Value) -> str:
    """A value in SQLite's words."""
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)
