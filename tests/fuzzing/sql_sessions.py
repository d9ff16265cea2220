"""A SQL Server that answers anything once a driver has begun to talk: a connection or an error, never a fault.

The driver is the one that is installed. Not for scripts/test: what crashes it would end the tests.
"""

import functools
import socket

import pyodbc

from entrypoint.base.errors import NodeError
from entrypoint.sqlserver import connect, connection_string

from . import Target
from .listener import Listener
from .sql_answers import ANSWER


SECONDS = 10
PRELOGIN, LOGIN = 0x12, 0x10  # [MS-TDS] 2.2.3.1.1
HEADER = 8
LOGGED_IN = bytes.fromhex(
    "e31b0001066d0061007300740065007200066d0061007300740065007200ad32000174000004144d006900630072006f0073006f00660074"
    "002000530051004c00200053006500720076006500720010001027e3130004043400300039003600043400300039003600fd000000000000"
    "000000000000"
)
DONE = bytes.fromhex("fd000000000000000000000000")
ROWS = bytes.fromhex(
    "810300000000000900e700010904d00034046e0061006d00650000000000090026040b640061007400610062006100730065005f0069006400"
    "0000000009006f080b6300720065006100740065005f006400610074006500d10c006d00610073007400650072000401000000080eb5000002"
    "e57c01fd1000c1000400000000000000"
)
ERROR = bytes.fromhex(
    "aa4e00d000000001101e0049006e00760061006c006900640020006f0062006a0065006300740020006e0061006d006500200027006e006f00"
    "7400680069006e00670027002e000276006d000001000000fd020000000000000000000000"
)
WORDS = (
    LOGGED_IN, DONE, ROWS, ERROR, b"\x81", b"\xd1", b"\xd2", b"\xaa", b"\xab", b"\xad", b"\xe3", b"\xfd", b"\xfe",
    b"\xff", b"\xa9", b"\xe7\x00\x01", b"\x26\x04", b"\x6f\x08", b"\xa7\xff\xff", b"\xf1", b"\x22", b"\x23", b"\x63",
    b"\x6c", b"\x28\x29\x2a\x2b", b"\xff\xff\xff\xff", b"\xff\xff", b"\x00\x00", b"\x00\xd8", b"\x10\x00",
)  # fmt: skip


class _Server(Listener):
    """Answers a PRELOGIN, then what it is told: `answers`, by the number of the packet; DONE where there is none."""

    def __init__(self) -> None:
        self.answers: dict[int, bytes] = {}
        super().__init__()

    def talk(self, connection: socket.socket) -> None:
        """Answer packet by packet, until the driver hangs up."""
        connection.settimeout(SECONDS)
        number = 0
        while request := connection.recv(1 << 16):
            if request[0] == PRELOGIN:
                connection.sendall(ANSWER)
                continue
            body = self.answers.get(number, LOGGED_IN if request[0] == LOGIN else DONE)
            head = bytes([4, 1]) + min(len(body) + HEADER, 0xFFFF).to_bytes(2, "big") + bytes([0, 51, 1, 0])
            connection.sendall(head + body)
            if number in self.answers:
                return
            number += 1


@functools.cache
def _server() -> _Server:
    return _Server()


def check(data: bytes) -> None:
    """Log in and ask, and get these bytes in answer to the packet whose number the first one is."""
    server = _server()
    server.answers = {(data[0] if data else 0) % 8: data[1:]}
    text = f"Server=127.0.0.1,{server.port};Database=o;User ID=sa;Password=p;Encrypt=False"
    try:
        with connect.connect(connection_string.parse(text), login_timeout=SECONDS, query_timeout=SECONDS) as connection:
            for _ in range(2):
                connection.execute("SELECT a FROM b").fetchval()
    except (connect.ConnectError, NodeError, pyodbc.Error) as error:
        assert str(error)


SEEDS = (b"\x00" + LOGGED_IN, *(bytes([number]) + answer for number in (5, 6) for answer in (ROWS, ERROR, DONE)))
TARGETS = (Target("sql-sessions", check, WORDS, SEEDS),)
