"""The last line of a boot: how long each part took."""

import time
from collections.abc import Mapping
from typing import cast

from entrypoint.base import state_reader, statefile, termination_message
from entrypoint.base.errors import NodeError
from entrypoint.octopus.applied_state import AppliedState
from entrypoint.settings.configuration import Settings
from entrypoint.structured_log import Logger


def tell(settings: Settings, folder: str | None, log: Logger) -> None:
    """Log how long the boot took, and keep what others want to know: none of that is worth another settle."""
    termination_message.write(settings.base.termination_log, "")  # what a settle before us may have left there
    node, prepare = (state_reader.read(folder, name) or {} for name in (statefile.NODE, statefile.PREPARE))
    seconds = timeline(node, prepare)
    whole = time.monotonic() - cast("float", node.get("booted", time.monotonic()))
    parts = ", ".join(f"{name} {value:.1f}" for name, value in seconds.items())
    text = f"node {settings.octopus_server_node_name} is up after {whole:.1f} s: {parts}"
    log.info(text)
    try:
        AppliedState(settings.base.paths).note_files()
        if folder is not None:
            statefile.write(folder, statefile.SETTLE, {"timeline": text, "seconds": seconds})
    except (OSError, NodeError) as error:
        log.warning("The record of this start can't be written.", reason=str(error))


def timeline(node: Mapping[str, object], prepare: Mapping[str, object]) -> dict[str, float]:
    """Return the seconds of each part of the boot, from the state of process 1 and of prepare."""
    begun = cast("dict[str, float]", node.get("phases", {}))
    steps = cast("dict[str, float]", prepare.get("steps", {}))
    now = time.monotonic()
    preparing, starting = begun.get("preparing", now), begun.get("starting", now)
    always = {"preflight": preparing - begun.get("preflight", now), "sql": 0.0, "guard": 0.0, "commands": 0.0}
    return {**always, **steps, "server": now - starting}
