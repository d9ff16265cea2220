"""Whether anything listens where SQL Server should be: known within a second, which no ODBC driver does."""

import errno
import os
import selectors
import socket
import time

from entrypoint.base import resource_limits

from . import call_timeout


BROWSER_PORT = 1434
_INSTANCE_REQUEST = b"\x04"  # CLNT_UCAST_INST of [MC-SQLR]
BROWSER_BYTES = 1 << 16  # of the SQL Server Browser's answer: a datagram
RESOLVE_SECONDS = 10.0
_ANSWER_HEADER = 3  # bytes: the kind, and the length
_REASONS = {
    errno.ECONNREFUSED: "refused",
    errno.ETIMEDOUT: "timed out",
    errno.ECONNRESET: "connection reset",
    errno.EHOSTUNREACH: "no route",
    errno.ENETUNREACH: "no route",
}
_Place = tuple[int, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]  # family, address


class UnreachableError(Exception):
    """Nothing can be reached there; the message is the reason in a word or two."""


def reach(host: str, port: int, seconds: float = 1.0) -> None:
    """Connect to `host`, to all of its addresses at once, and hang up.

    Raise UnreachableError if none of them answers in `seconds`; the name service has `RESOLVE_SECONDS` on top.
    """
    found = places(host, port, socket.SOCK_STREAM)
    reason = "timed out"
    with selectors.DefaultSelector() as waiting:
        try:
            for place in found:
                reason = _start(waiting, place) or reason
            if waiting.get_map():
                reason = _first(waiting, time.monotonic() + seconds)
        finally:
            for key in list(waiting.get_map().values()):
                _close(key.fileobj)
    if reason:
        raise UnreachableError(reason)


def has_several_addresses(host: str) -> bool:
    """Return whether `host` is a name with more than one address; False if that can't be told."""
    try:
        return len(addresses(host)) > 1
    except UnreachableError:
        return False


def addresses(host: str) -> list[str]:
    """Return the addresses of `host`. Raise UnreachableError if the name service doesn't tell within its time."""
    return sorted({str(where[0]) for _, where in places(host, 0, socket.SOCK_STREAM)})


def ask_browser(host: str, instance: str, seconds: float = 1.0, port: int = BROWSER_PORT) -> int:
    """Return the TCP port of a named instance, as the SQL Server Browser at `host` (UDP `port`) tells it.

    Raise UnreachableError if it doesn't answer in `seconds`, or doesn't know the instance's port.
    """
    family, where = places(host, port, socket.SOCK_DGRAM)[0]
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(seconds)
        try:
            sock.connect(where)
            sock.send(_INSTANCE_REQUEST + instance.encode() + b"\0")
            answer = sock.recv(BROWSER_BYTES)
        except OSError as error:
            raise UnreachableError("no SQL Server Browser") from error
    words = answer[_ANSWER_HEADER:].decode("ascii", "replace").split(";")
    told = dict(zip(words[::2], words[1::2], strict=False)).get("tcp", "")
    # whoever answers on the way may say anything: it is checked before it is made a number
    if not (told.isdecimal() and len(told) <= len("65535") and 0 < int(told) < 1 << 16):
        raise UnreachableError("unknown instance")
    return int(told)


def receive(sock: socket.socket, most: int, deadline: float) -> bytes:
    """Return what comes next on `sock`, up to `most` bytes; none at its end. Raise OSError if `deadline` has passed.

    Whoever sends a byte now and then can't keep us beyond it.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    sock.settimeout(left)
    return sock.recv(most)


def places(host: str, port: int, kind: socket.SocketKind) -> list[_Place]:
    """Return where `host` can be reached. Raise UnreachableError if the name service doesn't tell within its time."""
    try:
        # glibc asks each name server twice, for 5 s: many of them and many search domains make minutes of it
        found = call_timeout.call(lambda: socket.getaddrinfo(host, port, type=kind), RESOLVE_SECONDS, set)
    except (socket.gaierror, UnicodeError) as error:
        raise UnreachableError("no such host") from error
    except TimeoutError as error:
        raise UnreachableError("name service timed out") from error
    except OSError as error:
        raise UnreachableError(f"name service can't be asked: {resource_limits.reason(error)}") from error
    return [(family, where) for family, _, _, _, where in found]


def _start(waiting: selectors.BaseSelector, place: _Place) -> str:
    """Begin a connection and register its socket; return why it can't be begun, if it can't."""
    family, where = place
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        return _reason(error.errno)
    sock.setblocking(False)  # noqa: FBT003 - that is its only parameter
    number = sock.connect_ex(where)
    if number not in (0, errno.EINPROGRESS):
        sock.close()
        return _reason(number)
    waiting.register(sock, selectors.EVENT_WRITE)
    return ""


def _first(waiting: selectors.BaseSelector, deadline: float) -> str:
    """Wait for one connection to be there; return nothing then, else the reason that was heard last."""
    reason = "timed out"
    while waiting.get_map() and (left := deadline - time.monotonic()) > 0:
        for key, _ in waiting.select(left):
            number = _outcome(key.fileobj)
            if number == 0:
                return ""
            reason = _reason(number)
            waiting.unregister(key.fileobj)
            _close(key.fileobj)
    return "timed out" if waiting.get_map() else reason


def _outcome(sock: object) -> int:
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if isinstance(sock, socket.socket) else 0


def _close(sock: object) -> None:
    if isinstance(sock, socket.socket):
        sock.close()


def _reason(number: int | None) -> str:
    return _REASONS.get(number or 0) or os.strerror(number or 0).lower()
