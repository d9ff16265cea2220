"""From a node that answers 418 to the start of the command that undrains it."""

import random
import time

from .figures import Effort, Row, p95, uniform
from .site import Site


LONGEST = 0.5  # seconds
LOOP = 30.0
DRAINED, NOT_YET, OK = 418, 503, 200
ASKING = (
    1.0,
    1.3,
)  # seconds from the server's start until settle has long been asking, at a random moment of its pause


def rows(effort: Effort) -> list[Row]:
    """Return how late a drained node is undrained."""
    with Site() as site:
        site.control(ping_status=OK)
        with site.boot() as first:  # configures: every other boot has nothing to run
            site.wait_until_up(first)
        late = [_round(site) for _ in range(effort.of(20, 8))]
    ours = p95(late)
    what = "node answers 418 → undrain command started"
    return [Row(what, ours, f"the {LOOP:g} s loop", uniform(LOOP), f"p95 ≤ {LONGEST} s", ours.number <= LONGEST)]


def _round(site: Site) -> float:
    """Boot the node, let it answer 418 from some moment on, and return the seconds until the command has started."""
    site.control(ping_status=NOT_YET)
    servers, commands = len(site.commands()), len(site.journal())
    with site.boot():
        site.wait_for(lambda: site.commands()[servers:] or None, "a server that is started")
        time.sleep(random.uniform(*ASKING))
        drained = time.monotonic()
        site.control(ping_status=DRAINED)
        return site.wait_for(lambda: _undrained(site, commands), "the undrain command") - drained


def _undrained(site: Site, before: int) -> float | None:
    """Return when the first undrain command after so many commands said that it has started."""
    started = [float(line["time"]) for line in site.journal()[before:] if "--drain=false" in line["argv"]]
    return min(started, default=None)
