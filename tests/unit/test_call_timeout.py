"""Calls that end in their time, and the question to a SQL Server that goes without a driver."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from standin.sqlserver.testing import SqlServer

from entrypoint.sqlserver import call_timeout, network, prelogin


ENOUGH = 20  # seconds, on a machine that is busy with others


def test_what_comes_of_it() -> None:
    """A call gives what it gives, raises what it raises, and leaves no thread."""
    before = threading.active_count()
    assert call_timeout.call(lambda: 7, ENOUGH, set) == 7
    with pytest.raises(ZeroDivisionError):
        call_timeout.call(lambda: 1 // 0, ENOUGH, set)
    assert threading.active_count() <= before


def test_a_socket_is_shut_down() -> None:
    """A call that waits for its socket ends when its time is over; others' sockets are left alone."""
    ours, peer = socket.socketpair()
    other, another = socket.socketpair()
    with ours, peer, other, another:
        before, threads = set(call_timeout.open_sockets()), threading.active_count()
        mine, theirs = socket.socketpair()
        with mine, theirs:
            with pytest.raises(TimeoutError):
                call_timeout.call(lambda: mine.recv(1), 0.1, lambda: set(call_timeout.open_sockets()) - before)
            assert threading.active_count() <= threads
        another.send(b"!")
        assert other.recv(1) == b"!"


def test_a_call_that_nothing_ends() -> None:
    """A call that has no socket is left behind, and what waits for it goes on."""
    done = threading.Event()
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        call_timeout.call(done.wait, 0.1, set)
    assert time.monotonic() - begun < ENOUGH
    done.set()


@pytest.mark.parametrize(("tls", "offered"), [("off", prelogin.NOT_SUPPORTED), ("on", 1), ("required", 1)])
def test_the_encryption_that_is_offered(tmp_path: Path, tls: str, offered: int) -> None:
    """A SQL Server tells whether it encrypts."""
    with SqlServer.start(tmp_path, tls=tls) as server:
        assert prelogin.encryption("127.0.0.1", server.port) == offered


@contextmanager
def answering(*chunks: bytes) -> Iterator[int]:
    """Answer one question with `chunks`, and then nothing; give the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        asked = threading.Event()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                for chunk in chunks:
                    connection.sendall(chunk)
                asked.wait(ENOUGH)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        asked.set()
        thread.join()


@pytest.mark.parametrize(
    "chunks",
    [
        (),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n",),
        (b"\x04\x01\x00\x0c\x00\x00\x01\x00", b"\x01\xff\xff\xff"),
        (b"\x04\x01\xff\xff\x00\x00\x01\x00" + b"\x02" * 5000,),
        (b"\x04\x01\x00\x08\x00\x00\x01\x00",),
    ],
)
def test_what_is_no_answer(chunks: tuple[bytes, ...]) -> None:
    """What isn't SQL Server's answer, or isn't all of it within the time, is none."""
    with answering(*chunks) as port:
        assert prelogin.encryption("127.0.0.1", port, 0.3) is None
    assert prelogin.encryption("127.0.0.1", 1, 0.3) is None


def test_a_byte_now_and_then_keeps_nobody() -> None:
    """Once the deadline has passed nothing more is read, even if it is there: what trickles would never end."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"ab")
        assert network.receive(ours, 1, time.monotonic() + ENOUGH) == b"a"
        with pytest.raises(TimeoutError):
            network.receive(ours, 1, time.monotonic() - 0.001)
