"""Warns of two drains in one stop: a preStop hook's, and that of process 1."""

import os

from entrypoint.base import state_reader, statefile
from entrypoint.settings.base_settings import BaseSettings
from entrypoint.structured_log import Logger


def warn(settings: BaseSettings, folder: str | None, log: Logger) -> None:
    """Say so if this drain isn't process 1's own, its child, though that drains on a stop as well."""
    state = state_reader.read(folder, statefile.NODE) or {}
    if settings.drain_on_stop and state.get("pid") not in (None, os.getppid()):
        log.warning(
            "OCTO_NODE_DRAIN_ON_STOP is set, so a stop drains a second time by itself, on top of this "
            "drain's: if this is a preStop hook, leave the variable unset."
        )
