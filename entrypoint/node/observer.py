"""Tells what can be seen of the node every few seconds, for the process that serves metrics and the page."""

import json
import os
import time
from collections.abc import Collection, Mapping

from entrypoint.base import prctl, redact
from entrypoint.base.phases import Phase
from entrypoint.settings.configuration import Configuration

from .facts.gather import Gatherer


PAUSE_SECONDS = 10.0  # between two looks at a node that is up: each is a login at SQL Server
SHORT_PAUSE_SECONDS = 3.0  # while something happens
LOOK_SECONDS = 3.0


def observe(configuration: Configuration) -> None:
    """Print the facts as one line of JSON again and again, until nobody reads them any more."""
    prctl.name_process("octo-node-look")
    prctl.die_with_parent(os.getppid())
    gatherer, secrets = Gatherer(configuration), configuration.secrets()
    while True:
        facts = gatherer.look(LOOK_SECONDS)
        try:
            print(json.dumps(_masked(facts, secrets)), flush=True)
        except BrokenPipeError:
            return
        is_quiet = facts["node"]["phase"] == Phase.UP and not facts["drain"]["wanted"]
        time.sleep(PAUSE_SECONDS if is_quiet else SHORT_PAUSE_SECONDS)


def _masked(value: object, secrets: Collection[str]) -> object:
    """Return a part of the facts with every secret in its texts masked."""
    if isinstance(value, str):
        return redact.mask(value, secrets)
    if isinstance(value, Mapping):
        return {key: _masked(part, secrets) for key, part in value.items()}
    return [_masked(part, secrets) for part in value] if isinstance(value, list) else value
