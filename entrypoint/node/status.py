"""Status: one screen of what can be seen of this node, or all of it as JSON; in two seconds, whatever hangs."""

import json
import os
import time

from rich.console import Console
from rich.live import Live

from entrypoint.base import procfs
from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode
from entrypoint.settings.configuration import Configuration

from . import status_view
from .facts.gather import SECONDS, Gatherer
from .facts.schema import Facts


WATCH_SECONDS = 2.0  # between two looks
_ALL_SECONDS = 1.9  # from the start of this process to its answer
_REST = 0.3  # what comes after the look takes, of what came before it: on a busy machine both take longer
_LEAST_SECONDS = 0.3


def status(configuration: Configuration, *, as_json: bool, watch: bool, seconds: float | None) -> ExitCode:
    """Print where the node is, again and again if it is to be watched; return DONE, or PROBE_NO if no node lives here.

    What is asked has the `seconds`; None: as many as there are until 2 s after the start of this process. Raise
    NodeError (2) if there is no terminal to watch it on.
    """
    if watch:
        return _watch(Gatherer(configuration), seconds or SECONDS)
    left = min(max(_ALL_SECONDS - _age() * (1 + _REST), _LEAST_SECONDS), SECONDS)
    facts = Gatherer(configuration).look(seconds or left)
    if as_json:
        print(json.dumps(facts, indent=2))
    else:
        _show(facts)
    return ExitCode.DONE if facts["live"] else ExitCode.PROBE_NO


def _show(facts: Facts) -> None:
    status_view.show(lambda console: status_view.screen(facts, console))


def _watch(gatherer: Gatherer, seconds: float) -> ExitCode:
    console = Console(highlight=False)
    if not console.is_terminal:
        raise NodeError(
            ExitCode.USAGE, "`status --watch` needs a terminal: `octo-node status` prints the same once, to anything."
        )
    facts = gatherer.look(seconds)
    with Live(console=console, screen=True, auto_refresh=False) as live:
        try:
            while True:
                live.update(status_view.screen(facts, console), refresh=True)
                time.sleep(max(WATCH_SECONDS - facts["took"], 0.0))
                facts = gatherer.look(seconds)
        except KeyboardInterrupt:
            pass
    _show(facts)
    return ExitCode.DONE if facts["live"] else ExitCode.PROBE_NO


def _age() -> float:
    """Return the seconds since this process was started."""
    started = procfs.start_time(os.getpid())
    if started is None:
        return 0.0
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started / os.sysconf("SC_CLK_TCK")
