"""The server: its sessions, and the loop that accepts them."""

from __future__ import annotations

import itertools
import resource
import socket
import sys
import threading
from dataclasses import dataclass

from . import databases, tls
from .connection import Connection
from .control import Control
from .globalvars import SERVER_NAME
from .locks import Locks


TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    from .login import Login
    from .session import Session


@dataclass(frozen=True)
class Account:
    """A login that the server knows."""

    name: str
    password: str
    no_master: bool = False


class Server:
    """Everything that sessions share."""

    def __init__(self, data: Path, logins: list[Account], tls_mode: str, *, verbose: bool) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self.name = SERVER_NAME
        self.collation = databases.COLLATION
        self.tls = tls_mode
        self.speaks_tds8 = True
        self.logins = {account.name.lower(): account for account in logins}
        self.control = Control(data)
        self.databases = databases.Databases(data, self.control)
        self.locks = Locks()
        self.contexts = _Contexts(data)
        self._verbose = verbose
        self._sessions: dict[int, Session] = {}
        self._numbers = itertools.count(1)

    def serve(self, listener: socket.socket) -> None:
        """Accept clients for ever."""
        for spid in itertools.count(51):
            sock, _ = listener.accept()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(self, sock, spid % 32000)
            threading.Thread(target=connection.serve, daemon=True, name=f"session {spid}").start()

    def accepts(self, login: Login) -> bool:
        """Whether there is such a login with that password."""
        account = self.logins.get(login.user.lower())
        return account is not None and account.password == login.password

    def default_database(self, user: str) -> str:
        """Where a login lands that names no database."""
        return "tempdb" if self.logins[user.lower()].no_master else "master"

    def sessions(self) -> list[Session]:
        """Who is logged in."""
        return list(self._sessions.values())

    def enter(self, session: Session) -> None:
        """Note a session."""
        self._sessions[session.spid] = session

    def leave(self, session: Session) -> None:
        """Forget a session."""
        self._sessions.pop(session.spid, None)

    def next_number(self) -> int:
        """A number that was not given before."""
        return next(self._numbers)

    def log(self, text: str) -> None:
        """Say something on stderr, if it is wanted."""
        if self._verbose:
            print(text, file=sys.stderr, flush=True)


class _Contexts:
    """The TLS settings, made when first needed: 0 for the handshake in prelogin packets, 1 for TDS 8."""

    def __init__(self, data: Path) -> None:
        self.version = "1.2"
        self._data = data
        self._lock = threading.Lock()
        self._made: dict[int, ssl.SSLContext] = {}

    def __getitem__(self, which: int) -> ssl.SSLContext:
        with self._lock:
            if which not in self._made:
                self._made[which] = (tls.context, tls.strict)[which](self._data, self.version)
            return self._made[which]


def listen(host: str, port: int) -> socket.socket:
    """Open the port; many sessions need many files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 16384 if hard == resource.RLIM_INFINITY else min(16384, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return socket.create_server((host, port), backlog=512)
