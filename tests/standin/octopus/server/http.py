"""The web server: one thread a request, JSON in and out."""

import json
import math
import os
import socketserver
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import pyodbc

from standin.octopus import control, switches
from standin.octopus.log import complain, say

from . import api, faults
from .limits import Limits
from .prefixes import Listener, listeners
from .state import ServerState


class Parts:
    """What all listeners share: ordered answers, the rate limit, where http is redirected to."""

    def __init__(self, state: ServerState) -> None:
        self.faults = faults.Faults()
        self.limits = Limits()
        https = [listener.port for listener in listeners(state.prefixes) if listener.scheme == "https"]
        self.https_port = https[0] if https and state.force_ssl else None


class Server(ThreadingHTTPServer):
    """A listener with the node it speaks for."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, listener: Listener, state: ServerState, parts: Parts) -> None:
        super().__init__(("", listener.port), Handler)
        self.state = state
        self.listener = listener
        self.parts = parts

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
        """Give the answer that a test ordered, a refusal, or what the API says."""
        while control.flag("hang_http"):
            time.sleep(0.2)
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        fault = self.server.parts.faults.due(self.path)
        if fault is not None and not faults.play(self, fault):
            return
        refused = _refused(self)
        status, payload, headers = refused or (*_status_and_payload(self, body), {})
        content = json.dumps(payload, indent=2).encode()
        self.send_response(status, api.REASONS.get(status))
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def listen(state: ServerState) -> list[Server]:
    """Listen on all addresses of webListenPrefixes."""
    servers = []
    parts = Parts(state)
    for listener in listeners(state.prefixes):
        server = Server(listener, state, parts)
        if listener.scheme == "https":
            _add_tls(server)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        servers.append(server)
        _announce(listener)
    return servers


def _refused(handler: Handler) -> tuple[int, object, dict[str, str]] | None:
    """303 to https where http isn't allowed (Issues 3659), 429 for who asks too often; nothing for others."""
    server = handler.server
    if server.parts.https_port and server.listener.scheme == "http":
        host = handler.headers.get("Host", "localhost").partition(":")[0]
        return 303, {}, {"Location": f"https://{host}:{server.parts.https_port}{handler.path}"}
    wait = server.parts.limits.wait(str(handler.client_address[0]), urlsplit(handler.path).path)
    if not wait:
        return None
    status, payload = api.problem(429, "Too many requests. Please try again later.")
    return status, payload, faults.retry_after(math.ceil(wait), switches.value("retry_after"))


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
