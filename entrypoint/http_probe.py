"""octo-node probe: one HTTP request, one answer.

kubelet asks it for every check of every node, so it must cost next to nothing: it needs no module but those built
into the interpreter, and what isn't needed for a yes is imported after a no. `probe.py` runs it by path.
"""

import sys
import time
from _socket import AF_INET, AF_INET6, SOCK_STREAM, gaierror, getaddrinfo, socket
from posix import O_NONBLOCK, O_RDONLY, _exit, close, environ  # what `os` is made of, without the millisecond it takes
from posix import open as open_file
from posix import read as read_file


PATHS = {
    "startup": "/api/octopusservernodes/ping",
    "liveness": "/api/octopusservernodes/ping",
    "readiness": "/api/serverstatus/hosted/internal",
}
# ping's answers of a node that is drained, and of one whose rate limit is reached: both are alive all the same
ALIVE = {418: "draining", 429: "busy"}
SERVERS_SHARE = 0.75  # of a liveness probe's time; the rest is for the question whether its database is there
MAX_TIMEOUT = 86400  # seconds
MAX_PORT = 65535
CHUNK = 1024  # bytes: a status line is shorter
USAGE = "Usage: octo-node probe startup|liveness|readiness [--timeout 4] [--url URL]"


def main(arguments: "list[str]") -> int:
    """Ask, print one line, and return 0 for yes, 1 for no, 2 for wrong usage."""
    try:
        kind, timeout, given = parse(arguments)
    except (ValueError, IndexError):
        print(USAGE, file=sys.stderr)
        return 2
    code, words = answer(kind, timeout, given)
    print(words)
    return code


def answer(kind: str, timeout: float, given: "tuple[str, str, int, str] | None" = None) -> "tuple[int, str]":
    """Ask, and return 0 for yes or 1 for no, and the answer in words.

    `kind` is a key of PATHS, `timeout` in seconds, `given` a split URL in place of the node's own.
    """
    seconds = timeout * SERVERS_SHARE if kind == "liveness" else timeout
    deadline = time.monotonic() + seconds
    try:
        scheme, host, port, prefix = given or split(default_url())
        status = ask(scheme, host, port, prefix + PATHS[kind], deadline)
    except (OSError, ValueError) as error:
        return refuse(kind, no_answer(error, seconds), timeout - seconds)
    if 200 <= status <= 299 or (status in ALIVE and kind != "readiness"):
        return 0, f"{kind}: yes ({status}, {ALIVE[status]})" if status in ALIVE else f"{kind}: yes ({status})"
    return refuse(kind, f"{PATHS[kind]} answered {status}", timeout - seconds)


def run(arguments: "list[str]") -> None:
    """Do what `main` does, and end the process with its exit code."""
    code = main(arguments)
    try:
        sys.stdout.flush()
    except (AttributeError, OSError):
        pass  # nobody listens: the exit code is the answer
    _exit(code)  # taking the interpreter apart would be a tenth of the cost


def parse(arguments: "list[str]") -> "tuple[str, float, tuple[str, str, int, str] | None]":
    """Return kind, timeout in seconds, and the split URL if one is given. Raise ValueError or IndexError if wrong."""
    kind, timeout, url = None, 4.0, None
    rest = list(arguments)
    while rest:
        word, _, value = rest.pop(0).partition("=")
        if word == "--timeout":
            timeout = float(value or rest.pop(0))
        elif word == "--url":
            url = value or rest.pop(0)
        elif kind is None and word in PATHS:
            kind = word
        else:
            raise ValueError(word)
    if kind is None or not 0 < timeout < MAX_TIMEOUT:
        raise ValueError(kind)
    return kind, timeout, split(url) if url else None


def default_url() -> str:
    """Return where this node answers: by https only where that is the only listener."""

    def get(name: bytes, default: str) -> str:
        path = environ.get(name + b"_FILE")
        if path:
            # a pipe that nobody writes to, or a file without an end, must not hold up the answer
            number = open_file(path, O_RDONLY | O_NONBLOCK)
            try:
                return read_file(number, CHUNK).strip().decode("ascii", "replace") or default
            finally:
                close(number)
        return environ.get(name, b"").decode("ascii", "replace") or default

    if get(b"SSL_CERTIFICATE_FILE", "") and get(b"WEB_FORCE_SSL", "y").lower() in {
        "y",
        "yes",
        "true",
        "1",
        "on",
    }:
        return f"https://localhost:{get(b'HTTPS_PORT', '443')}"
    return f"http://localhost:{get(b'OCTO_NODE_WEB_PORT', '8080')}"


def split(url: str) -> "tuple[str, str, int, str]":
    """Return scheme, host, port and path prefix of `url`. Raise ValueError if it is none."""
    scheme, separator, rest = url.partition("://")
    netloc, _, prefix = rest.partition("/")
    if not separator or scheme not in {"http", "https"} or not netloc:
        raise ValueError(f"{url} isn't a valid address: use http://HOST:PORT")
    host, colon, port = netloc.rpartition(":")
    if not colon or "]" in port:
        host, port = netloc, "443" if scheme == "https" else "80"
    host = host.strip("[]")
    if not (host and port.isdecimal() and 0 < int(port) <= MAX_PORT):
        raise ValueError(f"{url} isn't a valid address: use http://HOST:PORT")
    return scheme, host, int(port), f"/{prefix}".rstrip("/")


def ask(scheme: str, host: str, port: int, path: str, deadline: float) -> int:
    """Return the status of a GET, everything done before `deadline`. Raise OSError or ValueError if there is none."""
    connection = connect(host, port, deadline)
    try:
        if scheme == "https":
            connection = encrypt(connection, host, deadline)
        return status_of(connection, f"[{host}]:{port}" if ":" in host else f"{host}:{port}", path, deadline)
    finally:
        connection.close()


def connect(host: str, port: int, deadline: float) -> "socket":
    """Return a connection to the first address of `host` that takes one. Raise the first one's OSError if none does."""
    first: OSError | None = None
    for family, address in addresses(host, port):
        try:
            return connected(family, address, deadline)
        except TimeoutError:
            raise
        except OSError as error:
            first = first or error
    raise first or TimeoutError("timed out")


def connected(family: int, address: "tuple[object, ...]", deadline: float) -> "socket":
    """Return a connection to `address`. Raise OSError if it takes none."""
    connection = socket(family, SOCK_STREAM)
    try:
        connection.settimeout(left(deadline))
        connection.connect(address)
    except OSError:
        connection.close()
        raise
    return connection


def addresses(host: str, port: int) -> "list[tuple[int, tuple[object, ...]]]":
    """Return (family, address) of each address of `host`."""
    if host == "localhost":  # without the resolver and the files it reads
        return [(AF_INET, ("127.0.0.1", port)), (AF_INET6, ("::1", port))]
    # bytes: for a str the interpreter loads its tables for international names
    return [(family, address) for family, _, _, _, address in getaddrinfo(host.encode(), port, 0, SOCK_STREAM)]


def left(deadline: float) -> float:
    """Return the seconds until `deadline`. Raise TimeoutError if it has passed."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("timed out")
    return seconds


def encrypt(connection: "socket", host: str, deadline: float) -> "socket":
    """Return the connection with TLS; the certificate isn't checked: it is our own server's, and we ask localhost."""
    import socket as sockets  # noqa: PLC0415 - only for https
    import ssl  # noqa: PLC0415 - as above

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    plain = sockets.socket(fileno=connection.detach())
    plain.settimeout(left(deadline))  # the new object knows nothing of the old one's
    return context.wrap_socket(plain, server_hostname=host)


def status_of(connection: "socket", authority: str, path: str, deadline: float) -> int:
    """Send the request and return the status of the answer; `authority` is HOST:PORT."""
    request = f"GET {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: octo-node\r\nConnection: close\r\n\r\n"
    connection.settimeout(left(deadline))
    connection.send(request.encode())
    answer = b""
    while b"\r\n" not in answer and len(answer) < CHUNK:
        connection.settimeout(left(deadline))
        received = connection.recv(CHUNK)
        if not received:
            raise ConnectionResetError("the connection was closed without an answer")
        answer += received
    version, _, rest = answer.partition(b" ")
    if not (version.startswith(b"HTTP/") and rest[:3].isdigit()):
        raise ValueError("the answer isn't HTTP")
    return int(rest[:3])


def no_answer(error: Exception, timeout: float) -> str:
    """Return in words why there was no answer."""
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout:g} s"
    if isinstance(error, gaierror):
        return f"no such host ({error})"
    return f"no answer ({getattr(error, 'strerror', None) or error})"


def refuse(kind: str, reason: str, seconds: float) -> "tuple[int, str]":
    """Return 1, and why there was no yes, with where the node is by its state files.

    A server that lives as long as its database is away isn't helped by a restart, which would only cut off its tasks:
    that is no failure of liveness (0). `seconds` are for that question. Nor is a node that is held: it is to stay.
    """
    import os  # noqa: PLC0415 - only a no pays for it

    if __package__ != "entrypoint":  # we are past the package
        sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    from entrypoint.base import phase_summary, state_reader  # noqa: PLC0415 - as above
    from entrypoint.settings.environment import Environment  # noqa: PLC0415 - as above

    # nothing but this: who offers probes by HTTP must read no secret
    named = {name: value for name, value in os.environ.items() if name.startswith("OCTO_NODE_RUN_DIR")}
    folder = state_reader.find_folder(Environment(named).text("OCTO_NODE_RUN_DIR"))
    away = phase_summary.database_away(folder, seconds) if kind == "liveness" else ""
    held = phase_summary.is_held(folder) and kind != "readiness"
    word = "yes, all the same" if away or held else "no"
    return 0 if away or held else 1, f"{kind}: {word}: {reason}; {away or phase_summary.sentence(folder)}"
