"""A batch's tokens into statements: T-SQL needs no separators, so keywords tell where one begins."""

from __future__ import annotations

from dataclasses import dataclass, field

from .errors import syntax
from .lexer import END, Cursor, Token, tokenize


STARTERS = frozenset(
    [
        "SELECT",
        "INSERT",
        "UPDATE",
        "DELETE",
        "CREATE",
        "ALTER",
        "DROP",
        "USE",
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
        "SAVE",
        "DECLARE",
        "SET",
        "PRINT",
        "RAISERROR",
        "THROW",
        "WAITFOR",
        "IF",
        "ELSE",
        "END",
        "EXEC",
        "EXECUTE",
        "WHILE",
        "RETURN",
        "TRUNCATE",
        "MERGE",
        "BREAK",
        "CONTINUE",
        "GRANT",
        "DENY",
        "REVOKE",
        "KILL",
        "DBCC",
        "CHECKPOINT",
        "RECONFIGURE",
    ]
)
# Starters that belong, once, to the statement that another one has begun.
_PENDING = {
    "INSERT": frozenset({"SELECT", "EXEC", "EXECUTE"}),
    "UPDATE": frozenset({"SET"}),
    "WITH": frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"}),
}


@dataclass
class Statement:
    """A statement: its first keyword, its tokens, and for IF, WHILE, TRY and blocks the statements inside."""

    kind: str
    tokens: list[Token]
    body: list[Statement] = field(default_factory=list)
    orelse: list[Statement] = field(default_factory=list)
    line: int = 1


def parse(text: str) -> list[Statement]:
    """Split a batch into statements, or raise a syntax error for all of it."""
    return _Parser(tokenize(text)).batch()


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self.cursor = Cursor(tokens)

    def batch(self) -> list[Statement]:
        """Take all statements."""
        statements = []
        while not self._skip():
            statements.append(self.statement())
        return statements

    def _skip(self) -> bool:
        while self.cursor.accept(";"):
            pass
        return self.cursor.done

    def statement(self) -> Statement:
        """Take one statement."""
        if self._skip():
            raise syntax(self.cursor.peek(-1).text)
        token = self.cursor.peek()
        compound = {"IF": self._if, "WHILE": self._while}.get(token.key)
        if token.key == "BEGIN" and self.cursor.peek(1).key not in ("TRAN", "TRANSACTION", "DISTRIBUTED"):
            compound = self._block
        made = compound() if compound else self._simple()
        made.line = token.line
        return made

    def _simple(self) -> Statement:
        first = self.cursor.peek()
        if first.key in ("ELSE", "END"):
            raise syntax(first.text)
        if first.key not in STARTERS and first.key != "WITH":
            # A batch's first statement may be a procedure's name without EXEC.
            if self.cursor.position or first.kind not in ("name", "quoted"):
                raise syntax(first.text)
            return Statement("EXEC", [first._replace(kind="name", text="EXEC", key="EXEC"), *self._extent()])
        return Statement(first.key, self._extent())

    def _if(self) -> Statement:
        self.cursor.next()
        made = Statement("IF", self._extent())
        made.body = [self.statement()]
        place = self.cursor.position
        if not self._skip() and self.cursor.accept("ELSE"):
            made.orelse = [self.statement()]
        else:
            self.cursor.position = place
        return made

    def _while(self) -> Statement:
        self.cursor.next()
        made = Statement("WHILE", self._extent())
        made.body = [self.statement()]
        return made

    def _block(self) -> Statement:
        self.cursor.next()
        if not self.cursor.accept("TRY"):
            return Statement("BLOCK", [], body=self._until_end())
        made = Statement("TRY", [], body=self._until_end())
        self.cursor.expect("TRY")
        self._skip()
        self.cursor.expect("BEGIN")
        self.cursor.expect("CATCH")
        made.orelse = self._until_end()
        self.cursor.expect("CATCH")
        return made

    def _until_end(self) -> list[Statement]:
        body: list[Statement] = []
        while not self._skip():
            if self.cursor.accept("END"):
                return body
            body.append(self.statement())
        raise syntax(self.cursor.peek(-1).text)

    def _extent(self) -> list[Token]:
        """Take the tokens up to the next statement."""
        cursor = self.cursor
        start, depth, cases = cursor.position, 0, 0
        first = cursor.peek()
        whole = first.key in ("CREATE", "ALTER") and cursor.peek(1).key in ("PROCEDURE", "PROC", "VIEW", "TRIGGER")
        # The condition of an IF begins with no keyword of its own and is ended by the first one.
        pending = _PENDING.get(first.key, frozenset())
        if first.key in STARTERS or first.key == "WITH":
            cursor.next()
        while not cursor.done:
            token = cursor.peek()
            if depth == 0 and not whole and token.kind in ("name", "op"):
                if token.key in pending:
                    pending = _PENDING.get(token.key, frozenset())
                elif token.key == "VALUES":
                    pending = frozenset()
                elif self._ends(start, cases):
                    break
            depth += {"(": 1, ")": -1}.get(token.key, 0)
            cases += {"CASE": 1, "END": -1}.get(token.key, 0) if token.kind == "name" else 0
            cursor.next()
        if depth:
            raise syntax(cursor.peek(-1).text)
        return cursor.tokens[start : cursor.position]

    def _ends(self, start: int, cases: int) -> bool:
        """Whether the next token does not belong to the statement that began at `start`."""
        token, before, after = self.cursor.peek(), self.cursor.peek(-1), self.cursor.peek(1)
        if token.key == ";":
            return True
        if token.key not in STARTERS or (cases and token.key in ("ELSE", "END")):
            return False
        first = self.cursor.tokens[start]
        second = self.cursor.tokens[start + 1] if start + 1 < len(self.cursor.tokens) else END
        return not (
            _belongs(token.key, before.key, after.key) or _belongs_to(first.key, second.key, token.key, before.key)
        )


def _belongs(word: str, before: str, after: str) -> bool:
    """Whether a statement's first word is, between these two, none."""
    return (
        (word == "SELECT" and before in ("UNION", "ALL", "EXCEPT", "INTERSECT"))
        or (word in ("DELETE", "UPDATE") and before == "ON")
        or (word in ("ALTER", "DROP") and after in ("COLUMN", "CONSTRAINT", "MEMBER"))
        or (word == "IF" and after == "EXISTS" and before in ("TABLE", "DATABASE", "COLUMN", "INDEX", "CONSTRAINT"))
        or (word == "ROLLBACK" and before == "WITH")
        or before == "."
    )


def _belongs_to(first: str, second: str, word: str, before: str) -> bool:
    """Whether a statement's first word is none inside the statement that begins with `first second`."""
    if first in ("GRANT", "DENY", "REVOKE"):
        return before in (first, ",")
    if word != "SET":
        return False
    return (before in ("DELETE", "UPDATE") and first in ("CREATE", "ALTER")) or (first, second) == ("ALTER", "DATABASE")
