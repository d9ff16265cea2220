"""Answers that a test orders instead of the API's own: another status, or something that is no answer at all."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from standin.octopus import control, switches


Fault = Mapping[str, object]
PING = ("/ping", "/api/octopusservernodes/ping")
_BLOCK = b"x" * 65536


class Faults:
    """The ordered answers, and which of them are used up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._used: dict[str, tuple[int, float]] = {}

    def due(self, target: str) -> Fault | None:
        """Return the first ordered answer for a request's target that isn't used up, and count it as used."""
        path = urlsplit(target).path.lower().rstrip("/")
        ordered = control.setting("answers", [])
        for fault in ordered if isinstance(ordered, list) else [ordered]:
            if isinstance(fault, dict) and _concerns(fault, path) and self._use(fault):
                return fault
        return None

    def _use(self, fault: Fault) -> bool:
        """Whether there are times and seconds left; the seconds run from the first request on."""
        key = json.dumps(fault, sort_keys=True)
        with self._lock:
            times, since = self._used.get(key, (0, time.monotonic()))
            seconds = time.monotonic() - since
            left = times < _number(fault, "times") and seconds < _number(fault, "seconds")
            self._used[key] = (times + left, since)
        return left


def play(handler: BaseHTTPRequestHandler, fault: Fault) -> bool:
    """Give an ordered answer; return whether the API's own is still to be given."""
    time.sleep(float(str(fault.get("wait", 0))))
    body = str(fault.get("body", ""))
    if "status" not in fault and not body:
        return True
    handler.close_connection = True
    if body == "garbage":
        handler.wfile.write(b"\x15\x03\x01\x00\x02\x02\x50\r\n" * 8)
        return False
    handler.send_response(int(str(fault.get("status", 200))))
    for name, value in _headers(fault).items():
        handler.send_header(name, value)
    if body in _ENDLESS:
        _ENDLESS[body](handler)
        return False
    content = body.encode()
    handler.send_header("Content-Length", str(len(content)))
    handler.send_header("Connection", "close")
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(content)
    return False


def retry_after(seconds: int, form: object) -> dict[str, str]:
    """Return a Retry-After in one of its forms: seconds, an HTTP date, or none."""
    forms = {"seconds": str(seconds), "date": formatdate(time.time() + seconds, usegmt=True)}
    return {"Retry-After": forms[str(form)]} if form in forms else {}


def _headers(fault: Fault) -> dict[str, str]:
    given = fault.get("headers")
    headers = {str(name): str(value) for name, value in given.items()} if isinstance(given, dict) else {}
    if "retry_after" in fault:
        headers |= retry_after(int(str(fault["retry_after"])), switches.value("retry_after"))
    return headers


def _concerns(fault: Fault, path: str) -> bool:
    """Whether an ordered answer is for this path: `ping`, `api` (everything else), `all`, or a path's beginning."""
    wanted = str(fault.get("path", "all")).lower()
    if wanted in {"ping", "api"}:
        return (path in PING) == (wanted == "ping")
    return wanted == "all" or path.startswith(wanted)


def _number(fault: Fault, name: str) -> float:
    return float(str(fault.get(name, "inf")))


def _endless_body(handler: BaseHTTPRequestHandler) -> None:
    """Send a body without an end, as fast as it is read."""
    handler.end_headers()
    while True:
        handler.wfile.write(_BLOCK)


def _trickle(handler: BaseHTTPRequestHandler) -> None:
    """Send a body a byte a second."""
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    while True:
        handler.wfile.write(b" ")
        time.sleep(1)


def _endless_headers(handler: BaseHTTPRequestHandler) -> None:
    """Send headers without an end."""
    handler.flush_headers()
    while True:
        handler.wfile.write(b"X-More: and more of it\r\n" * 100)


_ENDLESS: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {
    "endless": _endless_body,
    "trickle": _trickle,
    "headers": _endless_headers,
}
