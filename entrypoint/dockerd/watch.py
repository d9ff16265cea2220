"""Watches an engine that octo-node didn't start: process 1 has no sockets, and learns its end from this one's."""

import time

from entrypoint.base import engine

from . import ping


_EVENTS = b"GET /events?filters=%7B%22label%22%3A%5B%22io.octo-node.none%22%5D%7D HTTP/1.1\r\nHost: engine\r\n\r\n"
SILENCE = 30.0  # seconds after which an engine whose connection still stands is asked whether it answers
_TRIES = 3  # questions without an answer, after which an engine is lost
_PAUSE = 1.0  # between them
_POLL = 10.0  # seconds between two questions where the engine, or what stands before it, offers no events
MOST = 1 << 16  # bytes that are read: no event is asked for


def until_lost(host: str) -> str:
    """Return why the engine at `host` is lost, once it is: its connection ended, or it answers no more."""
    while True:
        began = time.monotonic()
        if _listen(host):
            return "it closed its connections"
        reason = _asked(host)
        if reason is not None:
            return reason
        if time.monotonic() - began < _POLL:
            time.sleep(_POLL)


def _listen(host: str) -> bool:
    """Wait on a stream of events, of which none comes; return whether it began and ended, rather than fell silent."""
    has_begun, room = False, MOST
    try:
        with engine.connect(host) as connection:
            connection.sendall(_EVENTS)
            connection.settimeout(SILENCE)
            while said := connection.recv(MOST):
                has_begun = has_begun or said.split()[1:2] == [b"200"]
                room -= len(said)
                if room <= 0:
                    return False  # that isn't what was asked for
    except TimeoutError:
        return False
    except OSError:
        pass  # a connection that was cut is one that ended
    return has_begun


def _asked(host: str) -> str | None:
    """Return why the engine doesn't answer, asked several times; None if it does."""
    reason = None
    for _ in range(_TRIES):
        reason = ping.problem(host)
        if reason is None:
            return None
        time.sleep(_PAUSE)
    return reason
