"""HTTP answers to probe, settle and drain: whatever is answered, they know what to make of it, in words."""

import contextlib
import functools
import json
import socket
import time
from collections.abc import Iterator
from http import client

import readings

from entrypoint import http_probe
from entrypoint.node.ping import Ping, Throttle
from entrypoint.octopus import http
from entrypoint.octopus.api import Api, ApiError
from entrypoint.octopus.running_task import Task

from . import Target
from .listener import OneAnswer


KEY = "API-CANARY4711"
NODE = "octopus-0"
SECONDS = 20.0
WHOLE = 24  # bytes: longer inputs are read from a connection that is there already, which costs a twentieth
SETTINGS = {"ACCEPT_EULA": "Y", "DB_CONNECTION_STRING": "Server=db;Database=o;User ID=sa;Password=p"}
LIST = json.dumps(
    {
        "Items": [
            {"Id": "OctopusServerNodes-1", "Name": NODE, "StartTime": "2026-01-01T00:00:00Z", "State": "Executing"}
        ],
        "TotalResults": 1,
    }
).encode()
WORDS = (
    b"HTTP/1.1 ", b"HTTP/1.0 ", b"HTTP/0.9", b"200 OK\r\n", b"418 I'm a teapot\r\n", b"429 Busy\r\n",
    b"100 Continue\r\n\r\n", b"302 Found\r\n", b"\r\n", b"\r\n\r\n", b"Content-Length: ",
    b"Transfer-Encoding: chunked\r\n", b"Retry-After: ", b"Wed, 21 Oct 2026 07:28:00 GMT", b"9" * 20, b"9" * 5000,
    b"-1", b"0", b"5", b"ffffffffffffffff\r\n", b"\0", b"Connection: keep-alive\r\n", b"Location: /\r\n", b"{", b"}",
    b"[", b"]", b'"', b":", b",", b'"Items"', b'"Id"', b'"Name"', b'"octopus-0"', b'"TotalResults"', b'"StartTime"',
    b'"0001-01-01T00:00:00+23:59"', b"null", b"true", b"1e999", b"NaN", b"[" * 2000, b"\xff", b"\\ud800", LIST,
)  # fmt: skip
SEEDS = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"HTTP/1.1 418 \r\n\r\n",
    LIST,
    b'{"Items": []}',
)


@functools.cache
def _server() -> OneAnswer:
    return OneAnswer()


@functools.cache
def _api() -> Api:
    settings = readings.settings(SETTINGS | {"OCTO_NODE_WEB_PORT": str(_server().port)})
    return Api(settings, key=KEY, seconds=SECONDS)


def check(data: bytes) -> None:
    """Ask with the probe, the ping of settle and the questions of drain, and get these bytes each time.

    What looks like JSON is the body of a right answer.
    """
    if data[:1] in (b"{", b"["):
        _server().answer = b"HTTP/1.1 200 OK\r\n\r\n" + data
        _listed()
        return
    _probed(data)
    _read(data)
    if len(data) < WHOLE:
        _server().answer = data
        _whole()


@contextlib.contextmanager
def _connected(answer: bytes) -> Iterator[socket.socket]:
    """Give a connection on which `answer` came, and its end."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(answer)
        theirs.shutdown(socket.SHUT_WR)
        yield ours


def _probed(data: bytes) -> None:
    with _connected(data) as connection, contextlib.suppress(OSError, ValueError):
        assert 0 <= http_probe.status_of(connection, "localhost:1", "/", time.monotonic() + SECONDS) <= 999


def _read(data: bytes) -> None:
    """Read an answer as all but the probe do, where `http.ask` says that there is none."""
    for method in ("GET", "POST"):
        with _connected(data) as connection, contextlib.suppress(OSError, client.HTTPException, ValueError):
            reader = http._Bounded(connection, time.monotonic() + SECONDS)  # noqa: SLF001 - the part that reads
            answer = http._answer(reader, method, with_body=True)  # noqa: SLF001 - as above
            assert answer.pause is None or http.PAUSE_SECONDS[0] <= answer.pause <= http.PAUSE_SECONDS[1]
            assert len(answer.body) <= http.BODY_BYTES


def _whole() -> None:
    """Ask with the probe, the ping of settle and the questions of drain."""
    code, words = http_probe.answer("readiness", SECONDS, ("http", "127.0.0.1", _server().port, ""))
    assert code in {0, 1}
    assert words.startswith("readiness: ")
    assert len(words) < 500
    assert len(Ping(_api(), Throttle()).ask().words) < 500
    _listed()


def _listed() -> None:
    for ask in (lambda: _api().running_tasks(NODE), lambda: _api().cancel(Task("a/b", "", "", None)), _forget):
        try:
            ask()
        except ApiError as error:
            assert KEY not in str(error)
            assert 0 <= error.pause <= http.PAUSE_SECONDS[1]


def _forget() -> None:
    _api()._node_ids.clear()  # noqa: SLF001 - each input begins anew


TARGETS = (Target("http-answers", check, WORDS, SEEDS),)
