"""Bytes in the place of SQL Server's answers: to the ping, to PRELOGIN, to the handshake, and from the Browser."""

import functools
import socket
import threading

import pyodbc

from entrypoint.base import sql_ping
from entrypoint.sqlserver import handshake, network, prelogin
from entrypoint.sqlserver.connect import describe
from entrypoint.sqlserver.error_classes import UNTRUSTED, WRONG_NAME, classify
from entrypoint.sqlserver.network import UnreachableError

from . import Target
from .listener import OneAnswer


SECONDS = 20.0
SHORT = 4  # bytes: the ping reads only one
REASONS = {None, UNTRUSTED, WRONG_NAME}
PRELOGIN = bytes.fromhex(
    "04 01 00 2b 00 00 01 00 00 00 1a 00 06 01 00 20 00 01 02 00 21 00 01 03 00 22 00 00 04 00 22 00 01 ff"
)
ANSWER = PRELOGIN + bytes.fromhex("0f 00 07 d0 00 00 02 00 00")
BROWSER = b"\x05\x40\x00ServerName;DB;InstanceName;OCTO;IsClustered;No;Version;16.0.1000.6;tcp;51433;;"
PASSWORD = "hunter}2"
ERROR = b"[28000] [Microsoft][ODBC Driver 18]Login failed with hunter}2. (18456) (SQLDriverConnect); [HY000] (4060)"
WORDS = (
    PRELOGIN, b"\x04\x01", b"\x00\x00\x1a\x00\x06", b"\x01\x00\x20\x00\x01", b"\xff", b"\x00\x08", b"\xff\xff",
    b"\x00", b"\x02", b"\x16\x03\x03", b"\x15\x03\x03\x00\x02\x02\x28", b"\x05", b"tcp;", b";tcp;", b"1433", b"65536",
    b"9" * 30, b"9" * 5000, b";", b";;", b"-1", "²".encode(), b"\x12\x01", b"[HY000] ", b"[FreeTDS]",
    b" (18456) (SQLDriverConnect)", b"; [", b"(", b")", b"0x2746", b"hunter}}2", b"hunter}2", b"certificate chain",
)  # fmt: skip


class _Peer(OneAnswer):
    """Answers what is sent by UDP, too."""

    def __init__(self) -> None:
        super().__init__()
        self._datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._datagram.bind(("127.0.0.1", 0))
        self.udp_port: int = self._datagram.getsockname()[1]
        threading.Thread(target=self._serve_datagrams, daemon=True).start()

    def _serve_datagrams(self) -> None:
        while True:
            _, sender = self._datagram.recvfrom(1 << 16)
            self._datagram.sendto(self.answer[:60000], sender)


@functools.cache
def _peer() -> _Peer:
    return _Peer()


def check(data: bytes) -> None:
    """Ask for a sign of life, for the encryption, and why a certificate isn't taken; and the Browser for a port."""
    peer = _peer()
    peer.answer = data
    if data[:1] == BROWSER[:1]:
        _check_browser(peer)
        return
    if data[:1] == ERROR[:1]:
        _check_error(data.decode("utf-8", "replace"))
        return
    if len(data) < SHORT:
        sql_ping.is_answered("127.0.0.1", peer.port, SECONDS, strict=False)
    offered = prelogin.encryption("127.0.0.1", peer.port, SECONDS)
    assert offered is None or 0 <= offered <= 255
    assert handshake.refusal("127.0.0.1", peer.port, b"", by_name=True) in REASONS


def _check_browser(peer: _Peer) -> None:
    """Ask the Browser for the port of an instance: one that there can be, or none."""
    try:
        assert 0 < network.ask_browser("127.0.0.1", "octo", SECONDS, peer.udp_port) < 1 << 16
    except UnreachableError as error:
        assert str(error) == "unknown instance"


def _check_error(text: str) -> None:
    """Classify what a driver says, and quote it without the password."""
    for state in ("HY000", "28000", text[:5]):
        error = pyodbc.ProgrammingError(state, text)
        verdict = classify(error)
        assert verdict.reason
        said = describe(error, PASSWORD)
        assert PASSWORD not in said
        assert "\n" not in said


TARGETS = (Target("sql-server-answers", check, WORDS, (ANSWER, ANSWER + b"\x16\x03\x03\x00\x01\x00", BROWSER, ERROR)),)
