"""Tells when a TERM arrives: `ready`, then `TERM` and the ns of the monotonic clock. What a node and a bare init run.

In a node it is Octopus.Server, so it answers on the port of OCTO_NODE_WEB_PORT whatever it is asked.
"""

import os
import signal
import socket
import sys
import threading
import time


ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


def answer(listener: socket.socket) -> None:
    """Answer every request."""
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(ANSWER)


signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
http = socket.create_server(("127.0.0.1", int(os.environ["OCTO_NODE_WEB_PORT"])))
threading.Thread(target=answer, args=(http,), daemon=True).start()
print("ready", flush=True)
signal.sigwait({signal.SIGTERM})
received = time.monotonic_ns()
print("TERM", received, flush=True)
sys.exit(0)
