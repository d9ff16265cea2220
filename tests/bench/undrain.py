"""From a node that answers 418 to the start of the command that undrains it."""

import random
import time

from .figures import Effort, Row, p95, uniform
from .namespaces import wait_for
from .site import Site


LONGEST = 0.5  # seconds
LOOP = 30.0
DRAINED, NOT_YET = 418, 503
PAUSE = (0.3, 0.7)  # seconds between two rounds: so that they don't fall in step with settle


def rows(effort: Effort) -> list[Row]:
    """Return how late a drained node is undrained."""
    with Site() as site:
        site.control(ping_status=NOT_YET)
        with site.boot():
            wait_for(lambda: any(verb == "run" for verb, _, _ in site.commands()), "a server that is started")
            time.sleep(1.0)
            late = [_round(site) for _ in range(effort.of(30, 10))]
    ours = p95(late)
    what = "node answers 418 → undrain command started"
    return [Row(what, ours, f"the {LOOP:g} s loop", uniform(LOOP), f"p95 ≤ {LONGEST} s", ours.number <= LONGEST)]


def _round(site: Site) -> float:
    """Let the node answer 418 from now on, and return the seconds until the command says that it has started."""
    time.sleep(random.uniform(*PAUSE))
    before = len(site.journal())
    drained = time.monotonic()
    site.control(ping_status=DRAINED)
    started = wait_for(lambda: next(iter(site.journal()[before:]), None), "the undrain command")
    site.control(ping_status=NOT_YET)
    if "--drain=false" not in started["argv"]:
        raise RuntimeError(f"another command was started: {started['argv']}")
    wait_for(lambda: any(end["pid"] == started["pid"] for end in site.journal("end")), "its end")
    return float(started["time"]) - drained
