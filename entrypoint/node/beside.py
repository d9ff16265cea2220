"""Two drains of one stop: a preStop hook's, and that of process 1."""

import os
from collections.abc import Mapping

from entrypoint import statefile, variables
from entrypoint.structured import Logger


def tell(environ: Mapping[str, str], log: Logger) -> None:
    """Say so if this drain isn't process 1's own, its child, though that drains on a stop as well."""
    state = statefile.read(statefile.find_folder(environ), statefile.NODE) or {}
    if variables.value_or_default("OCTO_NODE_DRAIN_ON_STOP", environ) and state.get("pid") not in (None, os.getppid()):
        log.warning(
            "OCTO_NODE_DRAIN_ON_STOP is set, so a stop drains once more by itself, and takes its time on top of this "
            "drain's: if this is a preStop hook, leave the variable unset."
        )
