"""The running server, as the tools of a node see it."""

from collections.abc import Mapping

import psutil

from entrypoint import statefile, variables
from entrypoint.errors import NodeError
from entrypoint.exitcodes import ExitCode


def is_running(environ: Mapping[str, str]) -> bool:
    """Return whether process 1 has started Octopus.Server and that process still lives."""
    server = (statefile.read(statefile.find_folder(environ), statefile.NODE) or {}).get("server")
    return isinstance(server, dict) and statefile.is_live(server)


def refuse_if_hidden(environ: Mapping[str, str]) -> None:
    """Raise NodeError (21) if a server runs here, but not the state that would tell us of it."""
    if statefile.read(statefile.find_folder(environ), statefile.NODE) is not None:
        return
    if any(_is_server(process) for process in psutil.process_iter(["cmdline"])):
        folder = variables.value_or_default("OCTO_NODE_RUN_DIR", environ)
        raise NodeError(
            ExitCode.NODE_UNREACHABLE,
            f"Octopus.Server runs here, but there is no state of it in {folder}: run this as the user of octo-node's "
            "process 1, with the same OCTO_NODE_RUN_DIR.",
        )


def _is_server(process: psutil.Process) -> bool:
    words = process.info["cmdline"] or []
    return "run" in words and any(word.endswith(("/Octopus.Server", "/Octopus.Server.dll")) for word in words)
