"""The socket that is listened on. A port that is taken is waited for, and the node runs without meanwhile."""

import socket
import time
from collections.abc import Callable

from entrypoint.structured_log import Logger


RETRY_SECONDS = 30.0
BACKLOG = 128


def bind(host: str, port: int, log: Logger, sleep: Callable[[float], object] = time.sleep) -> socket.socket:
    """Return a socket that listens on `host` (empty: every address) and `port`, once it can be had.

    What stands against it is told once, and tried again: the node isn't to be disturbed by it.
    """
    told = ""
    while True:
        try:
            return _bound(host, port)
        except OSError as error:
            reason = error.strerror or str(error)
        if reason != told:
            told = reason
            log.warning(
                f"There are no metrics, health endpoints and page for now: port {port} can't be had on "
                f"{host or 'any address'} ({reason}). The node runs without them. Free the port, or set "
                "OCTO_NODE_HTTP to a port above 1023 and an address that this container has.",
                retry_seconds=RETRY_SECONDS,
            )
        sleep(RETRY_SECONDS)


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host or (not host and socket.has_dualstack_ipv6()) else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1 if host else 0)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
