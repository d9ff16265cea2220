"""What a SQL Server offers before a login, asked without a driver: drivers don't say why a handshake failed.

[MS-TDS] 2.2.6.5, https://learn.microsoft.com/openspecs/windows_protocols/ms-tds/60f56408-0188-4cd5-8b90-25c6f2423868
"""

import time

from entrypoint.base import sql_ping

from . import network
from .network import UnreachableError


NOT_SUPPORTED = 2  # ENCRYPT_NOT_SUP
_HEADER, _RESPONSE, _ENCRYPTION, _END_OF_OPTIONS = 8, 4, 1, 0xFF
_LONGEST = 4096  # bytes of an answer


def encryption(host: str, port: int, seconds: float = 1.0, limit: float = network.RESOLVE_SECONDS) -> int | None:
    """Return which encryption a SQL Server offers (`NOT_SUPPORTED`: none).

    Return None if what is there doesn't answer as one within `seconds`, on top of which the name service has `limit`.
    TDS 8, which begins with TLS, isn't spoken.
    """
    try:
        answer = _ask(host, port, seconds, limit)
    except (OSError, UnreachableError):
        return None
    body = answer[_HEADER:]
    for place in range(0, len(body) - 4, 5):
        if body[place] == _END_OF_OPTIONS:
            break
        value = body[int.from_bytes(body[place + 1 : place + 3], "big") :][:1]
        if body[place] == _ENCRYPTION and value and answer[0] == _RESPONSE:
            return value[0]
    return None


def _ask(host: str, port: int, seconds: float, limit: float) -> bytes:
    """Return the answer to PRELOGIN, or what has come of it in `seconds`. Raise OSError or UnreachableError."""
    answer = b""
    with network.connect(host, port, seconds, limit) as sock:
        deadline = time.monotonic() + seconds
        sock.settimeout(seconds)
        sock.sendall(sql_ping.PACKET)
        while len(answer) < _HEADER or len(answer) < int.from_bytes(answer[2:4], "big") <= _LONGEST:
            received = network.receive(sock, _LONGEST, deadline)
            if not received:
                break
            answer += received
    return answer
