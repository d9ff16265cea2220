"""Undrain: take tasks again."""

import time
from collections.abc import Mapping

from entrypoint import settings
from entrypoint.errors import NodeError
from entrypoint.exitcodes import ExitCode
from entrypoint.structured import Logger

from . import drainage, intent, server
from .containerlog import Note
from .running import Watch
from .telling import Teller


ASK_SECONDS = 0.25


def undrain(environ: Mapping[str, str], log: Logger, wait: float) -> None:
    """Undrain this node within `wait` seconds. Raise NodeError (21) if it can't be reached."""
    if server.find(environ) is None:
        raise NodeError(
            ExitCode.NODE_UNREACHABLE,
            "Octopus.Server isn't running here, so it can't be undrained; a node that starts is undrained by itself.",
        )
    deadline = time.monotonic() + wait
    watch = Watch(settings.parse(environ), log)
    teller = Teller(log)
    switch = drainage.Switch(environ, log, lambda: teller.tell("command", "The command hasn't ended yet."), on=False)
    with intent.undraining(environ, wait, log):
        while not switch.is_set:
            switch.try_again(deadline - time.monotonic())
            switch.seen(watch.flag().draining)
            if time.monotonic() >= deadline:
                break
            time.sleep(ASK_SECONDS)
        if not switch.is_set:
            raise switch.failure()
        intent.want_undrained(environ, log)
        Note(environ).remove()
        while not (flag := watch.flag()).takes_tasks:
            if time.monotonic() >= deadline:
                raise NodeError(
                    ExitCode.NODE_UNREACHABLE,
                    f"The node was undrained, but it didn't answer as such within {wait:g} s: {flag.words}. Look into "
                    "its log.",
                )
            teller.tell(flag.words, f"The node doesn't take tasks yet: {flag.words}.")
            time.sleep(ASK_SECONDS)
    log.info("The node takes tasks again.")
