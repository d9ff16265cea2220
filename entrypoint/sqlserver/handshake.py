"""Why a certificate of SQL Server isn't taken, asked without a driver: FreeTDS only says that it can't connect.

The TLS handshake of TDS 7.4 travels in packets of type PRELOGIN: [MS-TDS] 2.1.
"""

import socket
import ssl
import time

from entrypoint.base import sql_ping

from . import network
from .error_classes import NO_SHARED_TLS, UNTRUSTED, WRONG_NAME, shares_nothing
from .network import UnreachableError


SECONDS = 3.0
_HEADER, _PRELOGIN, _LAST = 8, 0x12, 1
_ROOM = 4096 - _HEADER  # bytes of a packet
_MOST_PACKETS = 64
# X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH
_OTHER_NAME = {62, 64}


def refusal(host: str, port: int, trusted: bytes, *, by_name: bool, seconds: float = SECONDS) -> str | None:
    """Return why the certificate at `host` isn't taken: UNTRUSTED, WRONG_NAME or, as it isn't shown, NO_SHARED_TLS.

    None if it is taken, or nobody can tell. A connection has `seconds`, and so has what follows.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = by_name
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    if trusted:
        context.load_verify_locations(cadata=trusted.decode("ascii", "replace"))
    try:
        with network.connect(host, port, seconds) as sock:
            sock.settimeout(seconds)
            _shake_hands(sock, context, host, time.monotonic() + seconds)
    except ssl.SSLCertVerificationError as error:
        return WRONG_NAME if error.verify_code in _OTHER_NAME else UNTRUSTED
    except ssl.SSLError as error:
        return NO_SHARED_TLS if shares_nothing(str(error)) else None
    except (OSError, UnreachableError, ValueError):
        pass  # then that wasn't why
    return None


def _shake_hands(sock: socket.socket, context: ssl.SSLContext, host: str, deadline: float) -> None:
    """Do the handshake. Raise SSLCertVerificationError, or OSError if there is none before `deadline`."""
    sock.sendall(sql_ping.PACKET)
    _receive(sock, deadline)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=host)
    for _ in range(_MOST_PACKETS):
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            _send(sock, outgoing.read())
            incoming.write(_receive(sock, deadline))
        else:
            return


def _send(sock: socket.socket, content: bytes) -> None:
    for place in range(0, len(content), _ROOM):
        part = content[place : place + _ROOM]
        is_last = place + _ROOM >= len(content)
        length = (_HEADER + len(part)).to_bytes(2, "big")
        sock.sendall(bytes([_PRELOGIN, _LAST if is_last else 0]) + length + bytes(4) + part)


def _receive(sock: socket.socket, deadline: float) -> bytes:
    """Return the content of the next packet. Raise OSError."""
    header = _exactly(sock, _HEADER, deadline)
    return _exactly(sock, max(int.from_bytes(header[2:4], "big") - _HEADER, 0), deadline)


def _exactly(sock: socket.socket, count: int, deadline: float) -> bytes:
    received = b""
    while len(received) < count:
        part = network.receive(sock, count - len(received), deadline)
        if not part:
            raise ConnectionResetError
        received += part
    return received
