"""The program: see README.md."""

import json
import os
import signal
import socketserver
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any


def main() -> None:
    """Answer pings until TERM."""
    options = dict(word.removeprefix("--").split("=", 1) for word in sys.argv[1:] if "=" in word)
    control = Path(os.environ.get("STANDIN_DOCKERD_CONTROL", "/nowhere"))
    told = json.loads(control.read_text()) if control.exists() else {}
    status = Path("/proc/self/status").read_text()
    blocked = next(line.split()[1] for line in status.splitlines() if line.startswith("SigBlk"))
    note(event="start", pid=os.getpid(), argv=sys.argv[1:], environ=dict(os.environ), blocked=int(blocked, 16))
    if "exit" in told:
        sys.exit(told["exit"])
    signal.signal(signal.SIGTERM, lambda *_: end(deaf=bool(told.get("deaf"))))
    if "pidfile" in options:
        pidfile = Path(options["pidfile"])
        if pidfile.exists():
            sys.exit(f"process with PID {pidfile.read_text()} is still running")
        pidfile.write_text(str(os.getpid()))
    if told.get("shim"):
        before = ["unshare", "--user"] if told["shim"] == "namespace" else []
        subprocess.Popen([*before, "/bin/sleep", "1000"], start_new_session=True)
    path = options["host"].removeprefix("unix://")
    Path(path).unlink(missing_ok=True)
    Server(path, told).serve_forever()


def note(**fields: object) -> None:
    """Write one line of the journal."""
    line = json.dumps({"time": time.monotonic()} | fields) + "\n"
    # at once: who reads meanwhile sees no half of it
    with Path(os.environ["STANDIN_DOCKERD_JOURNAL"]).open("ab", buffering=0) as file:
        file.write(line.encode())


def end(*, deaf: bool) -> None:
    """Take note of a TERM, and end."""
    note(event="TERM")
    if not deaf:
        os._exit(0)


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """The socket. `told` is how to misbehave; what was made is counted."""

    daemon_threads = True

    def __init__(self, path: str, told: dict[str, Any]) -> None:
        self.told = told
        self.images: set[str] = set()
        self.containers: set[str] = set()
        super().__init__(path, Handler)


class Handler(BaseHTTPRequestHandler):
    """The part of the Engine API, v1.41 (docs.docker.com/reference/api/engine), that a trial container needs."""

    server: Server

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer a ping, or begin a stream of events, of which there are none."""
        told = self.server.told
        if "silent" in told:
            time.sleep(1000)
        if self.path.startswith("/events") and "eventless" not in told:
            self.send_response(200)
            self.end_headers()
            time.sleep(1000)
        answers = {"/_ping": "OK", "/containers/json": []}
        known = self.path in answers
        self.answer(200, answers[self.path]) if known else self.answer(404, {"message": "page not found"})

    def do_POST(self) -> None:
        """Make an image or a container, start it, wait for its end."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path, _, query = self.path.partition("?")
        note(event="request", method="POST", path=path, query=query, size=len(body))
        told = self.server.told
        if path == "/images/create":
            self.server.images.add("sha256:1234")
            self.answer(200, {"status": "sha256:1234"})
        elif path == "/containers/create":
            given = json.loads(body)
            note(event="container", **given)
            if given["Image"] not in self.server.images:
                self.answer(404, {"message": f"No such image: {given['Image']}"})
            else:
                self.server.containers.add("abcd")
                self.answer(201, {"Id": "abcd", "Warnings": []})
        elif path == "/containers/abcd/start" and "stuck" in told:
            time.sleep(1000)
        elif path == "/containers/abcd/start" and "broken" in told:
            self.answer(500, {"message": told["broken"]})
        elif path == "/containers/abcd/start":
            self.answer(204)
        elif path == "/containers/prune":
            self.answer(200, {"ContainersDeleted": None, "SpaceReclaimed": 0})
        elif path == "/images/prune":
            deleted = [{"Deleted": name} for name in self.server.images]
            self.server.images.clear()
            self.answer(200, {"ImagesDeleted": deleted or None, "SpaceReclaimed": 129})
        elif path == "/containers/abcd/wait":
            self.answer(200, {"StatusCode": told.get("status", 0)})
        else:
            self.answer(404, {"message": "page not found"})

    def do_DELETE(self) -> None:
        """Take a container away."""
        path, _, query = self.path.partition("?")
        note(event="request", method="DELETE", path=path, query=query)
        known = bool(self.server.containers)
        self.server.containers.clear()
        self.answer(204) if known else self.answer(404, {"message": f"No such container: {path}"})

    def answer(self, status: int, said: object = "") -> None:
        """Send an answer."""
        body = said.encode() if isinstance(said, str) else json.dumps(said).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    main()
