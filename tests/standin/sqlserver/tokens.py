"""The token stream of an answer."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from . import wire
from .errors import SqlError
from .sqltypes import MAX, SqlType
from .wire import Value


MORE, ERROR, IN_TRANSACTION, COUNT, ATTENTION = 0x01, 0x02, 0x04, 0x10, 0x20
DONE, DONEPROC, DONEINPROC = 0xFD, 0xFE, 0xFF
DATABASE, LANGUAGE, PACKET_SIZE, COLLATION, BEGIN, COMMIT, ROLLBACK, RESET = 1, 2, 4, 7, 8, 9, 10, 18
COMMANDS = {"SELECT": 0xC1, "INSERT": 0xC3, "DELETE": 0xC4, "UPDATE": 0xC5}
NULLABLE = 0x09  # may be null, may or may not be updatable

Columns = Sequence[tuple[str, SqlType]]
Rows = Sequence[Sequence[Value]]


def short_text(text: str) -> bytes:
    """A B_VARCHAR."""
    return bytes([len(text[:255])]) + text[:255].encode("utf-16-le")


def long_text(text: str) -> bytes:
    """A US_VARCHAR."""
    return struct.pack("<H", len(text[:4000])) + text[:4000].encode("utf-16-le")


class Reply:
    """Collects an answer's tokens; every DONE says that more follows until `finish` corrects the last one."""

    def __init__(self, server_name: str) -> None:
        self.server_name = server_name
        self.data = bytearray()
        self.in_procedure = 0
        self._last_done = -1

    def message(self, error: SqlError, line: int = 1, procedure: str = "") -> None:
        """Add an ERROR, or an INFO if its class is a message's."""
        body = struct.pack("<iBB", error.number, error.state, error.level) + long_text(error.message)
        body += short_text(self.server_name) + short_text(procedure) + struct.pack("<i", line)
        self.data += bytes([0xAA if error.level > 10 else 0xAB]) + struct.pack("<H", len(body)) + body

    def info(self, number: int, text: str, state: int = 1) -> None:
        """Add an INFO of class 0."""
        self.message(SqlError(number, text, level=0, state=state))

    def environment(self, kind: int, new: bytes, old: bytes) -> None:
        """Add an ENVCHANGE; both values bring their lengths along."""
        body = bytes([kind]) + new + old
        self.data += b"\xe3" + struct.pack("<H", len(body)) + body

    def rows(self, columns: Columns, rows: Rows) -> None:
        """Add a result set, widening string columns that hold longer values than their types say."""
        fitted = [(name, _fit(kind, index, rows)) for index, (name, kind) in enumerate(columns)]
        self.data += b"\x81" + struct.pack("<H", len(fitted))
        for name, kind in fitted:
            self.data += struct.pack("<IH", 0, NULLABLE) + wire.type_info(kind) + short_text(name)
        kinds = [kind for _, kind in fitted]
        for row in rows:
            self.data += _row(kinds, row)

    def done(self, command: str = "", *, count: int | None = None, flags: int = 0) -> None:
        """Add a statement's end."""
        kind = DONEINPROC if self.in_procedure else DONE
        self._done(kind, flags | (0 if count is None else COUNT), COMMANDS.get(command, 0), count or 0)

    def done_procedure(self, flags: int = 0) -> None:
        """Add a procedure's end."""
        self._done(DONEPROC, flags, 0xE0, 0)

    def _done(self, kind: int, flags: int, command: int, count: int) -> None:
        self._last_done = len(self.data)
        self.data += struct.pack("<BHHQ", kind, flags | MORE, command, count)

    def return_status(self, value: int) -> None:
        """Add a procedure's return value."""
        self.data += b"\x79" + struct.pack("<i", value)

    def return_value(self, ordinal: int, name: str, kind: SqlType, value: Value) -> None:
        """Add an output parameter."""
        kind = _fit(kind, 0, [[value]])
        self.data += b"\xac" + struct.pack("<H", ordinal) + short_text(name) + b"\x01"
        self.data += struct.pack("<IH", 0, NULLABLE) + wire.type_info(kind) + wire.encode(kind, value)

    def finish(self, flags: int = 0) -> bytes:
        """End the answer."""
        if self._last_done < 0 or self._last_done + 13 != len(self.data):
            self.done()
        status = struct.unpack_from("<H", self.data, self._last_done + 1)[0]
        struct.pack_into("<H", self.data, self._last_done + 1, (status & ~MORE) | flags)
        return bytes(self.data)


def _row(kinds: list[SqlType], row: Sequence[Value]) -> bytes:
    """A ROW, or an NBCROW where that is shorter."""
    nulls = sum(value is None for value in row)
    if nulls * 2 <= len(row):
        return b"\xd1" + b"".join(map(wire.encode, kinds, row))
    bitmap = bytearray((len(row) + 7) // 8)
    for index, value in enumerate(row):
        if value is None:
            bitmap[index // 8] |= 1 << index % 8
    present = (wire.encode(kind, value) for kind, value in zip(kinds, row, strict=True) if value is not None)
    return b"\xd2" + bytes(bitmap) + b"".join(present)


def _fit(kind: SqlType, index: int, rows: Rows) -> SqlType:
    if kind.family not in ("string", "binary") or kind.length == MAX:
        return kind
    unit = 2 if kind.wide else 1
    longest = max((len(wire.to_bytes(kind, row[index])) for row in rows if row[index] is not None), default=0)
    if longest <= kind.length * unit:
        return kind
    return SqlType(kind.name, MAX if longest > 8000 else (longest + unit - 1) // unit)
