"""Whether anything listens where SQL Server should be: known within a second, which no ODBC driver does."""

import errno
import os
import selectors
import socket
import time
from contextlib import ExitStack

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
    connect(host, port, seconds).close()


def connect(host: str, port: int, seconds: float, resolve_seconds: float = RESOLVE_SECONDS) -> socket.socket:
    """Return a connection to that of all addresses of `host` which takes one first.

    Raise UnreachableError if none of them does in `seconds`; the name service has `resolve_seconds` on top.
    """
    found = places(host, port, socket.SOCK_STREAM, resolve_seconds)
    reason = "timed out"
    with selectors.DefaultSelector() as waiting:
        try:
            for place in found:
                reason = _start(waiting, place) or reason
            if waiting.get_map():
                taken, reason = _first(waiting, time.monotonic() + seconds)
                if taken is not None:
                    return taken
        finally:
            for key in list(waiting.get_map().values()):
                _close(key.fileobj)
    raise UnreachableError(reason)


def has_several_addresses(host: str, seconds: float = RESOLVE_SECONDS) -> bool:
    """Return whether `host` is a name with more than one address; False if that can't be told within `seconds`."""
    try:
        return len(addresses(host, seconds)) > 1
    except UnreachableError:
        return False


def addresses(host: str, seconds: float = RESOLVE_SECONDS) -> list[str]:
    """Return the addresses of `host`. Raise UnreachableError if the name service doesn't tell within `seconds`."""
    return sorted({str(where[0]) for _, where in places(host, 0, socket.SOCK_STREAM, seconds)})


def ask_browser(host: str, instance: str, seconds: float = 1.0, port: int = BROWSER_PORT) -> int:
    """Return the TCP port of a named instance, as the SQL Server Browser at `host` (UDP `port`) tells it.

    All addresses of `host` are asked at once. Raise UnreachableError if none of them answers in `seconds`, or none
    knows the instance's port.
    """
    deadline = time.monotonic() + seconds
    reason = "no SQL Server Browser"
    with ExitStack() as stack, selectors.DefaultSelector() as waiting:
        for family, where in places(host, port, socket.SOCK_DGRAM):
            try:
                sock = stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
                sock.connect(where)
                sock.send(_INSTANCE_REQUEST + instance.encode() + b"\0")
            except OSError:  # no such protocol here, or no way there
                continue
            waiting.register(sock, selectors.EVENT_READ)
        while waiting.get_map() and (left := deadline - time.monotonic()) > 0:
            for key, _ in waiting.select(left):
                waiting.unregister(key.fileobj)
                told = _told_port(key.fileobj)
                if told:
                    return told
                reason = "unknown instance" if told == 0 else reason
    raise UnreachableError(reason)


def _told_port(sock: object) -> int | None:
    """Return the port that a Browser's answer tells, 0 if that tells none, None if there is no answer."""
    try:
        answer = sock.recv(BROWSER_BYTES) if isinstance(sock, socket.socket) else b""
    except OSError:
        return None
    words = answer[_ANSWER_HEADER:].decode("ascii", "replace").split(";")
    told = dict(zip(words[::2], words[1::2], strict=False)).get("tcp", "")
    # whoever answers on the way may say anything: it is checked before it is made a number
    return int(told) if told.isdecimal() and len(told) <= len("65535") and int(told) < 1 << 16 else 0


def receive(sock: socket.socket, most: int, deadline: float) -> bytes:
    """Return what comes next on `sock`, up to `most` bytes; none at its end. Raise OSError if `deadline` has passed.

    Whoever sends a byte now and then can't keep us beyond it.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    sock.settimeout(left)
    return sock.recv(most)


def places(host: str, port: int, kind: socket.SocketKind, seconds: float = RESOLVE_SECONDS) -> list[_Place]:
    """Return where `host` can be reached. Raise UnreachableError if the name service doesn't tell in `seconds`."""
    try:
        # glibc asks each name server twice, for 5 s: many of them and many search domains make minutes of it
        found = call_timeout.call(lambda: socket.getaddrinfo(host, port, type=kind), min(seconds, RESOLVE_SECONDS), set)
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


def _first(waiting: selectors.BaseSelector, deadline: float) -> tuple[socket.socket | None, str]:
    """Wait for one connection to be there, and return it; None, and the reason that was heard last, if none is."""
    reason = "timed out"
    while waiting.get_map() and (left := deadline - time.monotonic()) > 0:
        for key, _ in waiting.select(left):
            waiting.unregister(key.fileobj)
            number = _outcome(key.fileobj)
            if number == 0 and isinstance(key.fileobj, socket.socket):
                return key.fileobj, ""
            reason = _reason(number)
            _close(key.fileobj)
    return None, "timed out" if waiting.get_map() else reason


def _outcome(sock: object) -> int:
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if isinstance(sock, socket.socket) else 0


def _close(sock: object) -> None:
    if isinstance(sock, socket.socket):
        sock.close()


def _reason(number: int | None) -> str:
    return _REASONS.get(number or 0) or os.strerror(number or 0).lower()
