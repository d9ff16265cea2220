"""From a SQL Server that accepts logins to a prepare that knows it."""

import random
import subprocess
import time

from .figures import Effort, Row, p95, uniform
from .machine import ROOT
from .namespaces import OCTO_NODE
from .site import Site


LONGEST = 0.5  # seconds
HEALTHCHECK = 10.0
# after the first failure: by then the pauses between attempts are as long as they get
DELAY = (0.5, 1.0)


def rows(effort: Effort) -> list[Row]:
    """Return how late SQL Server is noticed."""
    with Site() as site:
        late = [_round(site) for _ in range(effort.of(40, 10))]
    ours = p95(late)
    peer = f"a healthcheck every {HEALTHCHECK:g} s"
    return [Row("SQL ready → noticed", ours, peer, uniform(HEALTHCHECK), f"p95 ≤ {LONGEST} s", ours.number <= LONGEST)]


def _round(site: Site) -> float:
    """Start prepare, then SQL Server, and return the seconds from the one's `listening` to the other's `ready`."""
    site.sql.kill()
    site.clean()
    with subprocess.Popen(
        [*OCTO_NODE, "prepare"], cwd=ROOT, env=site.environ, stderr=subprocess.PIPE, text=True
    ) as prepare:
        try:
            _read(prepare, "SQL Server isn't ready yet")
            site.sql.options["delay"] = random.uniform(*DELAY)
            site.sql.launch()
            ready = time.monotonic()
            _read(prepare, "SQL Server is ready")
            return time.monotonic() - ready
        finally:
            prepare.kill()


def _read(prepare: subprocess.Popen[str], words: str) -> None:
    for line in prepare.stderr or ():
        if words in line:
            return
    raise RuntimeError(f"prepare ended without saying {words!r}")
