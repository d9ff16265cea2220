"""The HTTP server: waitress, with a limit on whatever a client could make it hold.

One connection is one request, and lives for seconds, whatever its client does: nobody's slowness adds up.
"""

import logging
import socket
from collections.abc import Callable, Iterable
from typing import Any

from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer


Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

LIFE_SECONDS = 15.0  # of a connection
CROWD = 64  # connections from which on they live for less
LIFE_IN_A_CROWD = 3.0  # seconds
CONNECTIONS = 400
HEAD_BYTES = 8192
BODY_BYTES = 1024  # nobody has to send one
THREADS = 3


class Server(TcpWSGIServer):  # type: ignore[misc]  # waitress has no types
    """Serves `application` on the socket `listener` until the process ends (`run`)."""

    def __init__(self, application: Application, listener: socket.socket) -> None:
        logging.getLogger("waitress").setLevel(logging.CRITICAL)  # what strangers send is no news
        adjustments = Adjustments(
            sockets=[listener],
            threads=THREADS,
            connection_limit=CONNECTIONS,
            cleanup_interval=1,
            max_request_header_size=HEAD_BYTES,
            max_request_body_size=BODY_BYTES,
            ident=None,
            log_socket_errors=False,
            clear_untrusted_proxy_headers=True,
            asyncore_use_poll=True,
        )
        info = (listener.family, listener.type, listener.proto, listener.getsockname())
        super().__init__(application, {}, _sock=listener, adj=adjustments, bind_socket=False, sockinfo=info)

    def maintenance(self, now: float) -> None:
        """Close what has lived for long enough; waitress calls this each second, with the time."""
        life = LIFE_SECONDS if len(self.active_channels) <= CROWD else LIFE_IN_A_CROWD
        for channel in self.active_channels.values():
            if channel.creation_time < now - life:
                channel.will_close = True

    def add_task(self, task: HTTPChannel) -> None:
        """Have the first request of a connection answered, and the connection closed after it."""
        if task.requests:
            task.requests[0].headers["CONNECTION"] = "close"
        super().add_task(task)
