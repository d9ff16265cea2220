"""Runs a batch, statement by statement."""

from __future__ import annotations

from . import batches, changes, expressions, procedures, queries, scalars, statements
from .errors import SqlError
from .schema import Schema
from .scope import Expr, Frame, Scope
from .tokens import ERROR, Reply


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .batches import Statement
    from .lexer import Token
    from .session import Session
    from .sqltypes import SqlType
    from .wire import Value


# Errors that roll the transaction back even without XACT_ABORT.
ROLLING_BACK = (1205, 241, 245, 8169)


class Return(Exception):  # noqa: N818 - control flow of the batch
    """The batch's RETURN."""


class LoopExit(Exception):  # noqa: N818 - control flow of the batch
    """BREAK, or CONTINUE."""

    def __init__(self, *, again: bool) -> None:
        super().__init__()
        self.again = again


class Interpreter:
    """Runs batches for a session and puts what they say into a reply."""

    def __init__(self, session: Session, reply: Reply, frame: Frame | None = None) -> None:
        self.session = session
        self.reply = reply
        self.frame = frame or Frame(session)
        self._catching = 0
        self.captured: list[tuple[Value, ...]] | None = None

    def run(self, text: str) -> bool:
        """Run a batch; False if it failed."""
        try:
            self.block(batches.parse(text))
        except Return:
            return True
        except SqlError as error:
            self.fail(error)
            return False
        return True

    def fail(self, error: SqlError, line: int = 1) -> None:
        """Tell the client about an error."""
        self.session.last_error = error.number
        self.reply.message(error, line)
        self.reply.done(flags=ERROR)
        if (error.aborts and error.number in (1205, 245, 8169, 241)) or self.session.options.abort_on_error:
            self.session.end_transaction("ROLLBACK", self.reply)

    def block(self, body: list[Statement]) -> None:
        """Run statements; an error that does not abort the batch ends only its statement."""
        for statement in body:
            try:
                self.one(statement)
            except SqlError as error:
                if error.aborts or self._catching or self.session.options.abort_on_error:
                    raise
                self.fail(error, statement.line)

    def one(self, statement: Statement) -> None:
        """Run a statement."""
        control: dict[str, Callable[[Statement], None]] = {
            "IF": self._if,
            "WHILE": self._while,
            "TRY": self._try,
            "BLOCK": lambda statement: self.block(statement.body),
            "BREAK": lambda _: self._leave(again=False),
            "CONTINUE": lambda _: self._leave(again=True),
            "RETURN": lambda _: self._return(),
        }
        if statement.kind in control:
            control[statement.kind](statement)
            return
        try:
            self._plain(statement)
        finally:
            self.session.statement_ends()
        self.session.last_error = 0

    def _plain(self, statement: Statement) -> None:
        kind, tokens = statement.kind, statement.tokens
        if (
            self.session.options.implicit_transactions
            and kind in statements.IMPLICIT
            and not statements.constant(tokens)
        ):
            self._begin_implicitly()
        verb = next((t.key for t in tokens if t.key in ("INSERT", "UPDATE", "DELETE")), "") if kind == "WITH" else kind
        if kind == "SELECT" or (kind == "WITH" and not verb):
            self.select(tokens)
        elif verb in ("INSERT", "UPDATE", "DELETE"):
            self._change(verb, tokens)
        elif kind in ("CREATE", "ALTER", "DROP", "TRUNCATE"):
            Schema(tokens, self.frame).run()
        elif kind in ("EXEC", "EXECUTE"):
            procedures.execute(tokens, self)
        else:
            statements.run(statement, self)

    def _begin_implicitly(self) -> None:
        if not self.session.transaction.depth:
            self.session.begin_transaction(self.reply)

    def scope(self) -> Scope:
        """A scope without sources."""
        return Scope(self.frame)

    def evaluate(self, tokens: list[Token]) -> tuple[Expr, Value]:
        """An expression and its value."""
        made = expressions.translate(tokens, self.scope())
        return made, self.session.storage.read(f"SELECT {made.sql}", self.frame.bindings())[0][0]

    def select(self, tokens: list[Token]) -> None:
        """Run a query and send its rows, or assign them to variables."""
        query = queries.translate(tokens, self.scope())
        rows = self.session.storage.read(query.sql, self.frame.bindings())
        self.session.row_count = len(rows)
        if query.into:
            statements.select_into(self, query, rows)
        elif query.variables:
            if rows:
                for name, value in zip(query.variables, rows[-1], strict=True):
                    self.assign(name, value)
        else:
            self.send(query.columns, rows)

    def send(self, columns: list[tuple[str, SqlType]], rows: list[tuple[Value, ...]]) -> None:
        """Put a result set into the reply, or keep it for INSERT ... EXEC."""
        if self.captured is not None:
            self.captured += rows
            return
        self.reply.rows(columns, rows)
        self.reply.done("SELECT", count=None if self.session.options.no_count else len(rows))

    def assign(self, name: str, value: Value) -> None:
        """Give a variable a value of its type."""
        variable = self.frame.variable(name)
        variable.value = scalars.convert(value, variable.type)

    def _change(self, verb: str, tokens: list[Token]) -> None:
        change = changes.Changes(tokens, self.frame).translate()
        if change.execute is not None:
            statements.insert_executed(self, change)
            return
        written = self.session.storage.write(change.table.database, change.sql, self.frame.bindings())
        self.session.row_count = written.count
        if verb == "INSERT" and any(column.identity for column in change.table.columns):
            self.session.identity = written.identity
        if change.columns:
            self.reply.rows(change.columns, written.rows)
        if change.columns or not self.session.options.no_count:
            count = None if self.session.options.no_count else written.count
            self.reply.done("SELECT" if change.columns else verb, count=count)

    def condition(self, tokens: list[Token]) -> bool:
        """Whether a condition holds."""
        return bool(self.evaluate(tokens)[1])

    def _if(self, statement: Statement) -> None:
        self.block(statement.body if self.condition(statement.tokens) else statement.orelse)

    def _while(self, statement: Statement) -> None:
        while self.condition(statement.tokens):
            try:
                self.block(statement.body)
            except LoopExit as leave:
                if not leave.again:
                    return

    @staticmethod
    def _leave(*, again: bool) -> None:
        raise LoopExit(again=again)

    @staticmethod
    def _return() -> None:
        raise Return

    def _try(self, statement: Statement) -> None:
        self._catching += 1
        try:
            self.block(statement.body)
        except SqlError as error:
            self._catching -= 1
            outer, self.session.caught = self.session.caught, error
            try:
                self.block(statement.orelse)
            finally:
                self.session.caught = outer
                self._catching += 1
        finally:
            self._catching -= 1
