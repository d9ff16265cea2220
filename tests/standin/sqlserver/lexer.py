"""T-SQL text into tokens."""

from __future__ import annotations

import re
from typing import NamedTuple

from .errors import SqlError, syntax


class Token(NamedTuple):
    """A token; `key` is what a parser compares: keywords in upper case, operators as they are, else nothing."""

    kind: str
    text: str
    key: str
    line: int


END = Token("end", "", "", 0)

_PATTERN = re.compile(
    r"""(?P<skip>\s+|--[^\n]*|/\*.*?\*/)
      | (?P<string>[Nn]?'(?:[^']|'')*')
      | (?P<quoted>\[(?:[^\]]|\]\])*\]|"(?:[^"]|"")*")
      | (?P<var>@@?[\w$#@]+)
      | (?P<hex>0[xX][0-9a-fA-F]*)
      | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
      | (?P<name>[^\W\d][\w$#@]*|\#+[\w$#@]*)
      | (?P<op><>|!=|<=|>=|!<|!>|\+=|-=|\*=|/=|[-+*/%=<>(),.;&|^~{}?:])""",
    re.VERBOSE | re.DOTALL,
)


def tokenize(text: str) -> list[Token]:
    """Split a batch into tokens, without comments and blanks."""
    tokens = []
    position, line = 0, 1
    while position < len(text):
        match = _PATTERN.match(text, position)
        if match is None:
            raise _unreadable(text[position:])
        kind = match.lastgroup or ""
        if kind != "skip":
            tokens.append(_token(kind, match.group(), line))
        line += match.group().count("\n")
        position = match.end()
    return tokens


def _token(kind: str, raw: str, line: int) -> Token:
    if kind == "string":
        return Token(kind, raw[raw.index("'") + 1 : -1].replace("''", "'"), "N" if raw[0] in "Nn" else "", line)
    if kind == "quoted":
        return Token(kind, raw[1:-1].replace(raw[-1] * 2, raw[-1]), "", line)
    return Token(kind, raw, raw.upper() if kind in ("name", "op") else "", line)


def _unreadable(rest: str) -> SqlError:
    if rest[0] in "'\"[":
        text = f"Unclosed quotation mark after the character string '{rest[1:]}'."
        return SqlError(105, text, level=15, aborts=True)
    return syntax(rest[0])


def groups(tokens: list[Token], separator: str = ",") -> list[list[Token]]:
    """Split tokens at separators that are in no parentheses."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += {"(": 1, ")": -1}.get(token.key, 0)
        if token.key == separator and depth == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


class Cursor:
    """A place in a list of tokens."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.position = 0

    def peek(self, ahead: int = 0) -> Token:
        """The token at the place, or one behind it."""
        index = self.position + ahead
        return self.tokens[index] if 0 <= index < len(self.tokens) else END

    def next(self) -> Token:
        """Take a token."""
        token = self.peek()
        self.position += 1
        return token

    def at(self, *keys: str) -> bool:
        """Whether one of the words is next."""
        return self.peek().key in keys and self.peek() is not END and self.peek().kind in ("name", "op")

    def accept(self, *keys: str) -> bool:
        """Take these words if they are next, all of them in this order."""
        for ahead, key in enumerate(keys):
            token = self.peek(ahead)
            if token.key != key or token.kind not in ("name", "op"):
                return False
        self.position += len(keys)
        return True

    def expect(self, key: str) -> Token:
        """Take this word or refuse the batch."""
        if not self.at(key):
            raise syntax(self.peek().text or self.peek(-1).text)
        return self.next()

    @property
    def done(self) -> bool:
        """Whether nothing is left."""
        return self.position >= len(self.tokens)

    def rest(self) -> list[Token]:
        """Take all that is left."""
        tokens = self.tokens[self.position :]
        self.position = len(self.tokens)
        return tokens

    def parenthesised(self) -> list[Token]:
        """Take `( ... )` and give what is inside."""
        self.expect("(")
        start, depth = self.position, 1
        while depth:
            if self.done:
                raise syntax(self.peek(-1).text)
            depth += {"(": 1, ")": -1}.get(self.next().key, 0)
        return self.tokens[start : self.position - 1]

    def until(self, *keys: str) -> list[Token]:
        """Take everything before the first of these words that is in no parentheses."""
        start, depth = self.position, 0
        while not self.done and (depth or not self.at(*keys)):
            depth += {"(": 1, ")": -1}.get(self.next().key, 0)
        return self.tokens[start : self.position]

    def name(self) -> str:
        """Take an identifier."""
        if self.peek().kind not in ("name", "quoted"):
            raise syntax(self.peek().text or self.peek(-1).text)
        return self.next().text

    def path(self) -> list[str]:
        """Take an identifier of several parts; an empty part (`db..x`) is an empty string."""
        parts = [self.name()]
        while self.accept("."):
            parts.append("" if self.at(".") else self.name())
        return parts
