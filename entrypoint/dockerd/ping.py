"""Waits until an engine answers: dockerd's socket accepts connections long before that."""

import time

from entrypoint.base import engine


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 4096  # bytes of an answer, of which the status counts
_PAUSES = (0.05, 1.0)  # between two: at first, and at most


def wait(host: str, tell: "Callable[[str], None]" = lambda _: None) -> None:
    """Return once the engine at `host` has answered a ping; each new reason why it doesn't is given to `tell`."""
    pause, longest = _PAUSES
    told = None
    while (why := problem(host)) is not None:
        if why != told:
            tell(why)
        told = why
        time.sleep(pause)
        pause = min(pause * 1.5, longest)


def problem(host: str) -> str | None:
    """Return why the engine at `host` doesn't answer a ping; None if it does."""
    try:
        with engine.connect(host) as connection:
            connection.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            answer = connection.recv(MOST)
    except OSError as error:
        return engine.reason(error)
    if answer.split()[1:2] == [b"200"]:
        return None
    first = answer.partition(b"\r\n")[0].decode("utf-8", "replace")
    return f"a ping was answered with '{first}'" if answer else "it closed the connection without an answer"
