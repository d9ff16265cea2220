"""Waits until dockerd answers: its socket accepts connections long before that."""

import socket
import time


SECONDS = 5.0  # for one question
MOST = 64  # bytes of an answer, of which the status counts
_PAUSES = (0.05, 1.0)  # between two: at first, and at most


def wait(path: str) -> None:
    """Return once the dockerd that listens on socket `path` has answered a ping."""
    pause, longest = _PAUSES
    while not _answers(path):
        time.sleep(pause)
        pause = min(pause * 1.5, longest)


def connect(path: str) -> socket.socket:
    """Return a connection to the socket `path`. Raise OSError if there is none."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(SECONDS)
    try:
        connection.connect(path)
    except OSError:
        connection.close()
        raise
    return connection


def _answers(path: str) -> bool:
    try:
        with connect(path) as connection:
            connection.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return connection.recv(MOST).split()[1:2] == [b"200"]
    except OSError:
        return False
