"""Undrain: take tasks again."""

import time
from collections.abc import Mapping

from entrypoint import settings
from entrypoint.errors import NodeError
from entrypoint.exitcodes import ExitCode
from entrypoint.octopus.api import Api, ApiError
from entrypoint.structured import Logger

from . import drainage, intent, server


ASK_SECONDS = 0.25


def undrain(environ: Mapping[str, str], log: Logger, wait: float) -> None:
    """Undrain this node within `wait` seconds. Raise NodeError (21) if it can't be reached."""
    if not server.is_running(environ):
        raise NodeError(
            ExitCode.NODE_UNREACHABLE,
            "Octopus.Server isn't running here, so it can't be undrained; a node that starts is undrained by itself.",
        )
    deadline = time.monotonic() + wait
    api = Api(settings.parse(environ))
    with intent.exclusive(environ, wait, log.info):
        drainage.switch(environ, log, on=False, deadline=deadline)
        intent.want_undrained(environ)
        while not _answers(api):
            if time.monotonic() >= deadline:
                raise NodeError(
                    ExitCode.NODE_UNREACHABLE,
                    f"The node was undrained, but it didn't answer as such within {wait:g} s: look into its log.",
                )
            time.sleep(ASK_SECONDS)
    log.info("The node takes tasks again.")


def _answers(api: Api) -> bool:
    try:
        return 200 <= api.ping() < 300
    except ApiError:
        return False
