"""One HTTP request to the node's own server, with a limit of bytes and a time limit for the whole answer.

A timeout of a socket is one of each read: an answer that trickles would never time out. Here every read has what is
left until one deadline, the status line and the headers included.
"""

import _socket
import email.utils
import http.client
import io
import time
from collections.abc import Mapping
from dataclasses import dataclass

from entrypoint import http_probe


PLAIN, ENCRYPTED = "http", "https"
HOST = "localhost"  # asked as 127.0.0.1 and ::1, without the resolver: see `question.addresses`
HEAD_BYTES = 65536  # of status line and headers
BODY_BYTES = 1 << 20
PAUSE_SECONDS = (1.0, 60.0)  # after 429, whatever Retry-After says: at least, and at most


class NoAnswerError(Exception):
    """Nothing came back that is an HTTP answer; the message says what was seen instead."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer. `pause` is how many seconds its Retry-After asks for, None if it has none."""

    status: int
    reason: str
    pause: float | None
    body: bytes


def ask(  # noqa: PLR0913 - what to ask whom, and for how long
    scheme: str,
    port: int,
    method: str,
    target: str,
    *,
    headers: Mapping[str, str],
    seconds: float,
    with_body: bool = True,
) -> Answer:
    """Ask the server on this host's `port` for `target`, and return its answer; redirects aren't followed.

    Raise NoAnswerError if the answer isn't there within `seconds`, isn't HTTP, or is larger than BODY_BYTES. Without
    `with_body` it is there with its headers.
    """
    deadline = time.monotonic() + seconds
    try:
        connection = http_probe.connect(HOST, port, deadline)
        try:
            if scheme == ENCRYPTED:
                connection = http_probe.encrypt(connection, HOST, deadline)
            connection.settimeout(http_probe.left(deadline))
            connection.sendall(_request(method, target, {"Host": f"{HOST}:{port}", **headers}))
            return _answer(_Bounded(connection, deadline), method, with_body=with_body)
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NoAnswerError(_reason(error, seconds)) from error


def _request(method: str, target: str, headers: Mapping[str, str]) -> bytes:
    length = {} if method == "GET" else {"Content-Length": "0"}
    lines = [f"{name}: {value}" for name, value in {**headers, **length}.items()]
    head = [f"{method} {target} HTTP/1.1", *lines, "User-Agent: octo-node", "Connection: close", "", ""]
    return "\r\n".join(head).encode("latin-1")


def _answer(reader: "_Bounded", method: str, *, with_body: bool) -> Answer:
    response = http.client.HTTPResponse(reader, method=method)  # type: ignore[arg-type]  # all it needs is `makefile`
    response.begin()
    reader.bytes_left += BODY_BYTES
    body = _body(response) if with_body else b""
    return Answer(response.status, response.reason, pause_of(response.getheader("Retry-After")), body)


def _body(response: http.client.HTTPResponse) -> bytes:
    """Return the body. Raise ValueError if it is too long, HTTPException if it is cut off.

    Memory is had for what is asked for, and `read()` without a size asks for what Content-Length says.
    """
    body = response.read(BODY_BYTES + 1)
    if len(body) > BODY_BYTES:
        raise ValueError("the answer is too long")
    if response.length:
        raise http.client.IncompleteRead(body, response.length)
    return body


class _Bounded(io.RawIOBase):
    """What `connection` receives until `deadline` (monotonic), and no more than `bytes_left`."""

    def __init__(self, connection: _socket.socket, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline
        self.bytes_left = HEAD_BYTES

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return what HTTPResponse reads from."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # any buffer, says the superclass
        """Receive some bytes. Raise TimeoutError at the deadline, ValueError if there are too many."""
        self._connection.settimeout(http_probe.left(self._deadline))
        count: int = self._connection.recv_into(buffer)
        self.bytes_left -= count
        if self.bytes_left < 0:
            raise ValueError("the answer is too long")
        return count


def pause_of(value: str | None) -> float | None:
    """Return how many seconds a Retry-After header asks for, within PAUSE_SECONDS; None if it can't be read."""
    text = (value or "").strip()
    try:
        # RFC 9110, section 10.2.3: seconds, or a date
        seconds = float(text) if text.isdecimal() else email.utils.parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return min(max(seconds, PAUSE_SECONDS[0]), PAUSE_SECONDS[1])


def _reason(error: Exception, seconds: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {round(seconds, 1):g} s"
    if isinstance(error, http.client.HTTPException):
        return "the answer isn't HTTP"
    return str(getattr(error, "strerror", None) or error)
