"""Does SQL Server answer? Asked with the first packet of its protocol, which takes no login.

Light: the probe asks this after a no, to tell a server that hangs from one whose database is away.
"""

import time
from _socket import SOCK_STREAM, getaddrinfo, socket


# PRELOGIN of [MS-TDS] 2.2.6.5: the header, the options VERSION and ENCRYPTION with their places, their values: none, on
PACKET = bytes.fromhex("12 01 00 1a 00 00 01 00  00 00 0b 00 06  01 00 11 00 01  ff  00 00 00 00 00 00  01")
_LONGEST = 253  # characters of a host name


def is_answered(host: str, port: int, seconds: float, *, strict: bool) -> bool:
    """Return whether SQL Server at one of the addresses of `host` says anything within `seconds`.

    With `strict` the connection begins with TLS (TDS 8), and an answer to that counts.
    """
    deadline = time.monotonic() + seconds
    try:
        places = getaddrinfo(host[:_LONGEST].encode("idna"), port, 0, SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return any(_says_something(place[0], place[4], deadline, strict=strict) for place in places)


def _says_something(family: int, address: "tuple[object, ...]", deadline: float, *, strict: bool) -> bool:
    connection = socket(family, SOCK_STREAM)
    try:
        connection.settimeout(max(deadline - time.monotonic(), 0.001))
        connection.connect(address)
        connection.settimeout(max(deadline - time.monotonic(), 0.001))
        connection.send(_client_hello(strict=strict))
        return bool(connection.recv(1))
    except OSError:
        return False
    finally:
        connection.close()


def _client_hello(*, strict: bool) -> bytes:
    """Return what a client says first."""
    if not strict:
        return PACKET
    import ssl  # noqa: PLC0415 - only for TDS 8

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["tds/8.0"])
    outgoing = ssl.MemoryBIO()
    try:
        context.wrap_bio(ssl.MemoryBIO(), outgoing).do_handshake()
    except ssl.SSLWantReadError:
        pass  # that is where the server's answer would come
    return outgoing.read()
