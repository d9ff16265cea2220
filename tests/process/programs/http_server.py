"""A server that answers one way: `http_server.py FAMILY BEHAVIOUR [CERTIFICATE]`; it prints its port, then requests.

BEHAVIOUR is a status, `close`, `hang-in-handshake`, or one of WORDS.
"""

import contextlib
import socket
import ssl
import sys
import time
from collections.abc import Callable


FAMILY = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}[sys.argv[1]]
BEHAVIOUR = sys.argv[2]
TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
NEVER = 1000  # seconds


def hang(_connection: socket.socket, *_: object) -> None:
    """Say nothing more."""
    time.sleep(NEVER)


def say(connection: socket.socket, text: bytes) -> None:
    """Send `text`, and close."""
    connection.sendall(text)


def half(connection: socket.socket) -> None:
    """Stop in the middle of the status line."""
    connection.sendall(b"HTTP/1.1 20")
    hang(connection)


def slow(connection: socket.socket) -> None:
    """Send byte by byte."""
    for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n":
        connection.sendall(bytes([byte]))
        time.sleep(0.01)


def drip(connection: socket.socket) -> None:
    """Be never idle, and never done."""
    while True:
        connection.sendall(b"x")
        time.sleep(0.1)


def endless(connection: socket.socket) -> None:
    """Send a body that has no end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"x" * 65536)


WORDS: dict[str, Callable[[socket.socket], None]] = {
    "hang": hang,
    "half": half,
    "slow": slow,
    "drip": drip,
    "endless": endless,
    "garbage": lambda connection: say(connection, b"what? \x00\x01\x02\r\n\r\n"),
    "no-number": lambda connection: say(connection, b"HTTP/1.1 +20 OK\r\n\r\n"),
}


def status(connection: socket.socket) -> None:
    """Answer with the status that BEHAVIOUR is."""
    say(connection, f"HTTP/1.1 {BEHAVIOUR} Whatever\r\nLocation: /\r\nContent-Length: 2\r\n\r\nno".encode())


def answer(connection: socket.socket) -> None:
    """Answer one request."""
    if BEHAVIOUR == "close":
        return
    if BEHAVIOUR == "hang-in-handshake":
        hang(connection)
    if len(sys.argv) > 3:
        connection = TLS.wrap_socket(connection, server_side=True)
    request = b""
    while not request.endswith(b"\r\n\r\n"):
        request += connection.recv(4096)
    words = request.decode().splitlines()
    print(words[0], next(word for word in words if word.startswith("Host:")), sep="; ", flush=True)
    WORDS.get(BEHAVIOUR, status)(connection)


with socket.socket(FAMILY) as server:
    server.bind(("127.0.0.1" if FAMILY == socket.AF_INET else "::1", 0))
    server.listen()
    if len(sys.argv) > 3:
        TLS.load_cert_chain(sys.argv[3])
    print(server.getsockname()[1], flush=True)
    while True:
        client, _ = server.accept()
        with client, contextlib.suppress(OSError):
            answer(client)
