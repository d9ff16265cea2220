"""Whom a target asks: a port of this machine, on which one connection after the other is answered."""

import contextlib
import socket
import threading


class Listener:
    """Listens on its `port` for as long as the process lives, and has `talk` answer each connection."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            with connection, contextlib.suppress(OSError):  # who asked has hung up
                self.talk(connection)

    def talk(self, connection: socket.socket) -> None:
        """Answer a connection, which is closed afterwards."""
        raise NotImplementedError


class OneAnswer(Listener):
    """Answers each request with the bytes `answer`, and hangs up."""

    def __init__(self) -> None:
        self.answer = b""
        super().__init__()

    def talk(self, connection: socket.socket) -> None:
        """Take what comes first, and answer it."""
        connection.recv(1 << 16)
        connection.sendall(self.answer)
        connection.shutdown(socket.SHUT_WR)
