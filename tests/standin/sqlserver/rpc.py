"""RPC messages: which procedure is called with which arguments."""

from __future__ import annotations

from dataclasses import dataclass

from . import procedures, wire_types
from .procedures import Argument
from .wire import Reader


TYPE_CHECKING = False
if TYPE_CHECKING:
    from .interpreter import Interpreter
    from .tokens import Reply

BY_REFERENCE = 0x01
PROCEDURES = {
    10: "sp_executesql",
    11: "sp_prepare",
    12: "sp_execute",
    13: "sp_prepexec",
    15: "sp_unprepare",
}


@dataclass
class Call:
    """A call; `text` is what the control file's patterns are matched with."""

    name: str
    arguments: list[Argument]

    @property
    def text(self) -> str:
        """The call in one line."""
        words = [str(argument.value) for argument in self.arguments if isinstance(argument.value, str)]
        return " ".join([self.name, *words])


def read(data: bytes) -> list[Call]:
    """Read the calls of a message."""
    reader = Reader(data)
    calls = []
    while not reader.done:
        length = reader.number(2)
        if length == 0xFFFF:
            number = reader.number(2)
            name = PROCEDURES.get(number, f"#{number}")
        else:
            name = reader.take(length * 2).decode("utf-16-le")
        reader.number(2)
        calls.append(Call(name.rpartition(".")[2].strip("[]"), _arguments(reader)))
    return calls


def _arguments(reader: Reader) -> list[Argument]:
    found = []
    while not reader.done:
        if reader.data[reader.position] in (0x80, 0xFF, 0xFE) and not _is_name(reader):
            reader.number(1)
            break
        name = reader.text(1)
        flags = reader.number(1)
        kind, value = wire_types.read(reader)
        found.append(Argument(name, kind, value, bool(flags & BY_REFERENCE)))
    return found


def _is_name(reader: Reader) -> bool:
    """Whether 0x80 or above is the length of a parameter's name after all."""
    return reader.data[reader.position + 1 : reader.position + 3] == "@".encode("utf-16-le")


def run(call: Call, interpreter: Interpreter, reply: Reply) -> None:
    """Make a call and put its results into the reply."""
    reply.in_procedure += 1
    try:
        status = procedures.call(call.name, call.arguments, interpreter)
    finally:
        reply.in_procedure -= 1
    reply.return_status(status)
    for place, argument in enumerate(call.arguments):
        if argument.output:
            reply.return_value(place, argument.name, argument.type, argument.value)
    reply.done_procedure()
