"""The running server, as the tools of a node see it."""

from collections.abc import Mapping

from entrypoint import statefile


def is_running(environ: Mapping[str, str]) -> bool:
    """Return whether process 1 has started Octopus.Server and that process still lives."""
    server = (statefile.read(statefile.find_folder(environ), statefile.NODE) or {}).get("server")
    return isinstance(server, dict) and statefile.is_live(server)
