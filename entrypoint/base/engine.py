"""Where a container engine listens, written as in DOCKER_HOST, and a connection to it."""

import errno


TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

SECONDS = 5.0  # for one question
_UNIX, _TCP = "unix://", "tcp://"
_HELP = {
    errno.ENOENT: "mount the folder of the engine's socket here, at the same path, or start the engine",
    errno.EACCES: "run this container with the socket's group (`--group-add`, supplementalGroups), or the engine with "
    "this container's user",
    errno.ECONNREFUSED: "nobody listens there: start the engine",
}


def place(host: str) -> "str | tuple[str, int]":
    """Return the path of the unix socket, or the name and port, that `host` names.

    Raise ValueError, with words to follow the variable's name.
    """
    if host.startswith(_UNIX) and host.removeprefix(_UNIX).startswith("/"):
        return host.removeprefix(_UNIX)
    name, colon, port = host.removeprefix(_TCP).rstrip("/").rpartition(":")
    if host.startswith(_TCP) and colon and name and port.isascii() and port.isdecimal() and 0 < int(port) < 1 << 16:
        return name.removeprefix("[").removesuffix("]"), int(port)
    raise ValueError(
        f"is {host!r}, which octo-node can't ask: give it as unix:///PATH or tcp://NAME:PORT, as in "
        "unix:///run/octo-engine/docker.sock."
    )


def connect(host: str, seconds: float = SECONDS) -> "socket.socket":
    """Return a connection, whose every step may take `seconds`. Raise OSError if there is none."""
    import socket  # noqa: PLC0415 - process 1 has none

    try:
        found = place(host)
    except ValueError as error:
        raise OSError(f"its address {error}") from None
    return socket.create_connection(found, seconds) if isinstance(found, tuple) else connect_to_path(found, seconds)


def connect_to_path(path: str, seconds: float = SECONDS) -> "socket.socket":
    """Return a connection to the unix socket `path`, as `connect` does."""
    import socket  # noqa: PLC0415 - as above

    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(seconds)
    try:
        connection.connect(path)
    except OSError:
        connection.close()
        raise
    return connection


def reason(error: OSError) -> str:
    """Return why an engine isn't reached, with the next step where there is one."""
    said = error.strerror or str(error) or type(error).__name__
    step = _HELP.get(error.errno or 0)
    return f"{said} ({step})" if step else said
