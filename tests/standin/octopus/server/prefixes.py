"""The addresses in webListenPrefixes."""

import re
from dataclasses import dataclass


DEFAULT = "http://*:8080/"
_PREFIX = re.compile(r"(https?)://(\[[^]]+\]|[^:/]+)(?::(\d+))?", re.IGNORECASE)


@dataclass(frozen=True)
class Listener:
    """One address to listen on."""

    scheme: str
    port: int

    def __str__(self) -> str:
        """The address as the log has it."""
        return f"{self.scheme}://*:{self.port}/"


def listeners(prefixes: str) -> list[Listener]:
    """The addresses in a list with commas or semicolons; the default one if there are none."""
    found = [
        Listener(scheme.lower(), int(port or (443 if scheme.lower() == "https" else 80)))
        for scheme, _, port in _PREFIX.findall(prefixes or DEFAULT)
    ]
    return list(dict.fromkeys(found)) or listeners(DEFAULT)
