"""The statements that are neither queries, changes nor definitions."""

from __future__ import annotations

from . import expressions, temporal, wire
from .definitions import Definition, Parser
from .errors import SqlError, syntax
from .lexer import Cursor, Token, groups
from .schema import Schema
from .scope import Column, Variable, quote


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .batches import Statement
    from .changes import Change
    from .interpreter import Interpreter
    from .queries import Query
    from .storage import Table
    from .wire import Value

# With IMPLICIT_TRANSACTIONS on, these begin a transaction.
IMPLICIT = frozenset(["SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "CREATE", "ALTER", "DROP", "TRUNCATE", "MERGE"])


def constant(tokens: list[Token]) -> bool:
    """Whether a statement reads no table: a SELECT without FROM begins no implicit transaction."""
    return tokens[0].key == "SELECT" and all(token.key != "FROM" for token in tokens)


def run(statement: Statement, interpreter: Interpreter) -> None:
    """Run a statement."""
    handlers: dict[str, Callable[[Cursor, Interpreter], None]] = {
        "USE": _use,
        "BEGIN": _begin,
        "COMMIT": _commit,
        "ROLLBACK": _rollback,
        "DECLARE": _declare,
        "SET": _set,
        "PRINT": _print,
        "RAISERROR": _raiserror,
        "THROW": _throw,
        "WAITFOR": _waitfor,
        "KILL": _kill,
        "MERGE": _unsupported,
    }
    cursor = Cursor(statement.tokens)
    cursor.next()
    if statement.kind in handlers:
        handlers[statement.kind](cursor, interpreter)


def _unsupported(cursor: Cursor, _interpreter: Interpreter) -> None:
    raise SqlError(40517, f"The stand-in has no {cursor.peek(-1).key}.", aborts=True)


def _use(cursor: Cursor, interpreter: Interpreter) -> None:
    interpreter.session.use(cursor.name(), interpreter.reply)


def _begin(_cursor: Cursor, interpreter: Interpreter) -> None:
    interpreter.session.begin_transaction(interpreter.reply)


def _commit(_cursor: Cursor, interpreter: Interpreter) -> None:
    if not interpreter.session.transaction.depth:
        text = "The COMMIT TRANSACTION request has no corresponding BEGIN TRANSACTION."
        raise SqlError(3902, text)
    interpreter.session.end_transaction("COMMIT", interpreter.reply)


def _rollback(_cursor: Cursor, interpreter: Interpreter) -> None:
    if not interpreter.session.transaction.depth:
        text = "The ROLLBACK TRANSACTION request has no corresponding BEGIN TRANSACTION."
        raise SqlError(3903, text)
    interpreter.session.end_transaction("ROLLBACK", interpreter.reply)


def _declare(cursor: Cursor, interpreter: Interpreter) -> None:
    for part in groups(cursor.rest()):
        inner = Cursor(part)
        name = inner.next().text
        inner.accept("AS")
        if inner.accept("TABLE"):
            definition = Parser(name, interpreter.frame).table(inner.parenthesised())
            Schema([], interpreter.frame).create([name], definition)
            continue
        interpreter.frame.variables[name.lower()] = Variable(expressions.read_type(inner))
        if inner.accept("="):
            interpreter.assign(name, interpreter.evaluate(inner.rest())[1])


def _set(cursor: Cursor, interpreter: Interpreter) -> None:
    if cursor.peek().kind == "var":
        name = cursor.next().text
        operator = cursor.next()
        rest = cursor.rest()
        if operator.key in ("+=", "-="):
            plus = operator._replace(text=operator.key[0], key=operator.key[0])
            rest = [operator._replace(kind="var", text=name, key=""), plus, *rest]
        elif operator.key != "=":
            raise syntax(operator.text)
        interpreter.assign(name, interpreter.evaluate(rest)[1])
        return
    options = interpreter.session.options
    words = [token.text.upper() for token in cursor.rest()]
    on = words[-1:] == ["ON"]
    for word in words[:-1]:
        if word == "NOCOUNT":
            options.no_count = on
        elif word == "XACT_ABORT":
            options.abort_on_error = on
        elif word == "IMPLICIT_TRANSACTIONS":
            options.implicit_transactions = on
        elif word == "LOCK_TIMEOUT":
            options.lock_timeout = -1 if "-" in words else int(words[-1])


def _print(cursor: Cursor, interpreter: Interpreter) -> None:
    interpreter.reply.info(0, wire.to_text(interpreter.evaluate(cursor.rest())[1]))


def _raiserror(cursor: Cursor, interpreter: Interpreter) -> None:
    values = [interpreter.evaluate(part)[1] for part in groups(cursor.parenthesised())]
    text, level, state = str(values[0]), int(values[1] or 0), int(values[2] or 0)
    text = _formatted(text, values[3:])
    number = 50000
    if isinstance(values[0], int):
        number, text = values[0], f"Error {values[0]}, severity {level}, state {state} was raised."
    if level <= 10:
        interpreter.reply.message(SqlError(number, text, level=0, state=state))
    else:
        raise SqlError(number, text, level=level, state=max(state, 1), aborts=level >= 20)


def _formatted(text: str, values: list[Value]) -> str:
    for value in values:
        for mark in ("%s", "%d", "%i"):
            if mark in text:
                text = text.replace(mark, wire.to_text(value), 1)
                break
    return text


def _throw(cursor: Cursor, interpreter: Interpreter) -> None:
    if cursor.done:
        caught = interpreter.session.caught
        if caught is None:
            raise SqlError(
                10704, "To rethrow an error, a THROW statement must be used inside the CATCH block.", aborts=True
            )
        raise SqlError(caught.number, caught.message, level=caught.level, state=caught.state, aborts=True)
    number, text, state = (interpreter.evaluate(part)[1] for part in groups(cursor.rest()))
    raise SqlError(int(number or 50000), str(text), state=int(state or 1), aborts=True)


def _waitfor(cursor: Cursor, interpreter: Interpreter) -> None:
    cursor.expect("DELAY")
    moment = temporal.parse(str(interpreter.evaluate(cursor.rest())[1]))
    if moment is None:
        raise SqlError(148, "Incorrect time syntax in time string used with WAITFOR.", level=15, aborts=True)
    interpreter.session.channel.pause(moment.ticks / temporal.TICKS)


def _kill(cursor: Cursor, interpreter: Interpreter) -> None:
    for session in interpreter.session.server.sessions():
        if str(session.spid) == cursor.peek().text:
            session.channel.close()


def select_into(interpreter: Interpreter, query: Query, rows: list[tuple[Value, ...]]) -> None:
    """SELECT ... INTO: make the table and fill it."""
    path = query.into or []
    definition = Definition(path[-1], [Column(name, kind) for name, kind in query.columns])
    Schema([], interpreter.frame).create(path, definition)
    table = interpreter.session.table(path)
    if table is not None:
        fill(interpreter, table, [name for name, _ in query.columns], rows)
    interpreter.reply.done("INSERT", count=len(rows))


def fill(interpreter: Interpreter, table: Table, names: list[str], rows: list[tuple[Value, ...]]) -> None:
    """Insert rows."""
    marks = ", ".join(f":v{place}" for place in range(len(names)))
    listed = ", ".join(map(quote, names))
    sql = " ".join(["INSERT INTO", table.sql, f"({listed}) VALUES ({marks})"])
    for row in rows:
        values = {f"v{place}": value for place, value in enumerate(row)}
        interpreter.session.storage.write(table.database, sql, values)


def insert_executed(interpreter: Interpreter, change: Change) -> None:
    """INSERT ... EXEC: insert the rows that a statement sends."""
    from . import procedures  # noqa: PLC0415 - procedures run statements again

    interpreter.captured = []
    try:
        procedures.execute(change.execute or [], interpreter)
        rows = interpreter.captured
    finally:
        interpreter.captured = None
    fill(interpreter, change.table, list(change.targets), rows)
    interpreter.session.row_count = len(rows)
    interpreter.reply.done("INSERT", count=len(rows))
