"""The web server: one thread a request, JSON in and out."""

import json
import os
import socketserver
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import pyodbc

from standin.octopus import control
from standin.octopus.log import complain, say

from . import api
from .prefixes import Listener, listeners
from .state import ServerState


class Server(ThreadingHTTPServer):
    """A listener with the node it speaks for."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, state: ServerState) -> None:
        super().__init__(("", port), Handler)
        self.state = state

    def server_bind(self) -> None:
        """Bind without looking up this machine's own name, which may take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.server_address[1]

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients may go away; that is no news."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version = "Octopus-stand-in"
    timeout = 60
    server: Server

    def do_GET(self) -> None:
        """Answer a GET."""
        self._answer()

    do_POST = do_PUT = do_DELETE = do_HEAD = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        """Requests aren't logged."""

    def _answer(self) -> None:
        """Ask the API and write down what it says."""
        while control.flag("hang_http"):
            time.sleep(0.2)
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        status, payload = _status_and_payload(self, body)
        content = json.dumps(payload, indent=2).encode()
        self.send_response(status, api.REASONS.get(status))
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def listen(state: ServerState) -> list[Server]:
    """Listen on all addresses of webListenPrefixes."""
    servers = []
    for listener in listeners(state.prefixes):
        server = Server(listener.port, state)
        if listener.scheme == "https":
            _add_tls(server)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        servers.append(server)
        _announce(listener)
    return servers


def _status_and_payload(handler: Handler, body: bytes) -> tuple[int, object]:
    """The API's answer; 500 while SQL Server is away."""
    parts = urlsplit(handler.path)
    query = {name.lower(): value for name, value in parse_qsl(parts.query)}
    key = handler.headers.get("X-Octopus-ApiKey") or handler.headers.get("X-NuGet-ApiKey") or query.get("apikey", "")
    method = "GET" if handler.command == "HEAD" else handler.command
    try:
        content = json.loads(body) if body else None
        request = api.Request(handler.server.state, method, parts.path, query, content, key)
        return api.answer(request)
    except ValueError as error:
        return api.problem(400, f"The request could not be read: {error}")
    except pyodbc.Error as error:
        complain(f"Unhandled error in {handler.command} {parts.path}: {error}")
        return api.problem(500, "There was a problem with your request: the database could not be reached.")


def _announce(listener: Listener) -> None:
    say(f"Listening for HTTP requests on '{listener}'")


def _add_tls(server: Server) -> None:
    """Speak TLS with the certificate file the environment names (PEM; the real one takes PFX)."""
    import ssl  # noqa: PLC0415 - only an https listener needs it

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    password = os.environ.get("SSL_CERTIFICATE_PASSWORD")
    context.load_cert_chain(os.environ["SSL_CERTIFICATE_FILE"], password=password)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
