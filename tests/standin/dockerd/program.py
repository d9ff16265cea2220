"""The program: see README.md."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path


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
    pidfile = Path(options["pidfile"])
    if pidfile.exists():
        sys.exit(f"process with PID {pidfile.read_text()} is still running")
    pidfile.write_text(str(os.getpid()))
    if told.get("shim"):
        subprocess.Popen(["/bin/sleep", "1000"], start_new_session=True)
    path = options["host"].removeprefix("unix://")
    Path(path).unlink(missing_ok=True)
    serve(path, silent=bool(told.get("silent")))


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


def serve(path: str, *, silent: bool) -> None:
    """Answer each question with OK."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()
    kept = []
    while True:
        connection, _ = server.accept()
        if silent:
            kept.append(connection)
            continue
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nOK")


if __name__ == "__main__":
    main()
