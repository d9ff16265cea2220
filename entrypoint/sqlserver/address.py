"""`Server=`: where SQL Server is.

The forms are those of SqlClient's `DataSource` (`SniProxy.netcore.cs`), without the ones that need Windows.
"""

import ipaddress
from typing import NamedTuple


DEFAULT_PORT = 1433
_LOCAL = ("", ".", "(local)")
_REFUSED = {
    "np": "uses named pipes (`np:`), which Linux doesn't have; use `tcp:host,port`",
    "lpc": "uses shared memory (`lpc:`), which Linux doesn't have; use `tcp:host,port`",
    "admin": "uses the administrators' connection (`admin:`), which takes one session; use `tcp:host,port`",
}


class Address(NamedTuple):
    """A host; its TCP port, None if not given; its instance, None if the default one or a port is given."""

    host: str
    port: int | None = None
    instance: str | None = None

    def __str__(self) -> str:
        """Return it as people write it: host and port with a comma, host and instance with a backslash."""
        if self.port is None and self.instance is not None:
            return f"{self.host}\\{self.instance}"
        return f"{self.host},{self.port or DEFAULT_PORT}"


class AddressError(ValueError):
    """A `Server=` that can't be used: a clause that goes after "Server ..."."""


def parse(server: str) -> Address:
    """Return the address that a value of `Server=` stands for; raise AddressError if there is none."""
    rest = _without_protocol(server.strip())
    name, comma, port = rest.partition(",")
    host, backslash, instance = (part.strip() for part in name.partition("\\"))
    if comma:
        port = port.partition("\\")[0]  # SqlClient takes `host,port\\instance` too, and goes by the port
        return Address(_host(host), port=_port(port.strip()))
    if backslash:
        return Address(_host(host), instance=_instance(instance))
    return Address(_host(host))


def _without_protocol(server: str) -> str:
    if server.startswith("\\\\"):
        raise AddressError(_REFUSED["np"])
    if server.lower().startswith("(localdb)"):
        raise AddressError("is a LocalDB, which Linux doesn't have; use `tcp:host,port`")
    protocol, colon, rest = server.partition(":")
    word = protocol.strip().lower()
    if colon and word in _REFUSED:
        raise AddressError(_REFUSED[word])
    return rest.strip() if colon and word == "tcp" else server


def _host(host: str) -> str:
    if host.lower() in _LOCAL:
        return "localhost"
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if (":" in bare or bare != host) and not _is_ipv6(bare):
        raise AddressError("has a `:` but is no IPv6 address; a port goes after a comma, as in `host,1433`")
    if "/" in bare or any(not character.isprintable() for character in bare):
        raise AddressError("has a character that no host name has; use `host,port` or `host\\instance`")
    return bare


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= len("65535") and 0 < int(text) < 1 << 16:
        return int(text)
    raise AddressError("has no port number (1 to 65535) after the comma")


def _instance(name: str) -> str:
    if not name:
        raise AddressError("has no instance name after the backslash")
    if name.lower() == "mssqlserver":
        raise AddressError("names the instance MSSQLSERVER, which is the default one; leave it out")
    return name
