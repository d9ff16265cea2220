"""The WSGI application: what each address answers. Read only, and without a secret."""

import os
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from prometheus_client.exposition import choose_encoder

from entrypoint.structured_log import Logger

from . import page
from .metrics import registry
from .snapshot import Snapshots


PROBES = {"/livez": "liveness", "/readyz": "readiness", "/startupz": "startup"}
_TEXT = "text/plain; charset=utf-8"
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = (
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", _POLICY),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
)
_WORDS = {
    200: "OK",
    404: "Not Found",
    405: "Method Not Allowed",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
_FILES = {"/style.css": "text/css; charset=utf-8", "/page.js": "text/javascript; charset=utf-8"}

MOST_TOLD = 20  # different faults of our own that the log is told of
Reply = tuple[int, str, bytes]  # status, content type, body


class Application:
    """Answers requests from `snapshots`; what goes wrong is told in `log`."""

    def __init__(self, snapshots: Snapshots, log: Logger) -> None:
        self._snapshots = snapshots
        self._log = log
        self._told: set[str] = set()

    def __call__(self, request: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request, as PEP 3333 says."""
        try:
            status, kind, body = self._reply(request)
        except Exception as error:  # noqa: BLE001 - one request that fails must not be the last one
            self._tell(repr(error), str(request.get("PATH_INFO", "")))
            status, kind, body = 500, _TEXT, b"octo-node can't answer that: its log says why.\n"
        headers = [("Content-Type", kind), ("Content-Length", str(len(body))), *_HEADERS]
        start_response(f"{status} {_WORDS[status]}", headers)
        return [b"" if request.get("REQUEST_METHOD") == "HEAD" else body]

    def _tell(self, reason: str, path: str) -> None:
        """Tell what is wrong, once: those who ask will ask again."""
        if reason not in self._told and len(self._told) < MOST_TOLD:
            self._told.add(reason)
            self._log.warning("A request can't be answered.", path=path, reason=reason)

    def _reply(self, request: dict[str, Any]) -> Reply:
        if request.get("REQUEST_METHOD") not in {"GET", "HEAD"}:
            return 405, _TEXT, b"Nothing can be changed here: only GET and HEAD are answered.\n"
        path = request.get("PATH_INFO", "")
        if path in PROBES:
            return self._probe(PROBES[path])
        if path == "/metrics":
            encode, kind = choose_encoder(request.get("HTTP_ACCEPT", ""))
            return 200, kind, encode(registry(self._snapshots.take()))
        if path == "/":
            return 200, "text/html; charset=utf-8", page.render(self._snapshots.take())
        if path in _FILES:
            return 200, _FILES[path], _file(path)
        return 404, _TEXT, b"There are /, /metrics, /livez, /readyz and /startupz.\n"

    def _probe(self, kind: str) -> Reply:
        answer = self._snapshots.probe(kind)
        return 200 if answer.yes else 503, _TEXT, f"{answer.words}\n".encode("utf-8", "replace")


@cache
def _file(path: str) -> bytes:
    with open(os.path.dirname(__file__) + path, "rb") as file:
        return file.read()
