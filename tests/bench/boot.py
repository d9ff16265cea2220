"""The boot of a new database: what octo-node itself adds, and what an unchanged restart runs."""

import contextlib
import shlex
import socket
import subprocess
import time
from collections.abc import Sequence
from typing import NamedTuple

from . import machine
from .figures import Effort, Figure, Row, median
from .namespaces import Namespace, wait_for
from .site import Command, Site


MOST = 1.0  # seconds
PAUSE = 0.005  # between two questions whether the server answers


class Boot(NamedTuple):
    """Seconds: in all; of Octopus.Server's own; of waiting for SQL. And the commands that were run."""

    total: float
    server: float
    sql: float
    commands: list[list[str]]

    @property
    def own(self) -> float:
        """What is left for whoever started them."""
        return self.total - self.server - self.sql


def rows(effort: Effort) -> list[Row]:
    """Return the boot's own time beside that of bash, and the commands of a restart."""
    ours, theirs, restarts, unchanged = [], [], [], []
    with Site() as site:
        for _ in range(effort.of(5, 2)):
            _afresh(site)
            ours.append(_boot(site))
            unchanged.append(_boot(site))
            restarts.append(len(unchanged[-1].commands))
            if machine.peer("bash"):
                _afresh(site)
                theirs.append(_bash(site, ours[-1].commands))
    own = median([boot.own for boot in ours], "s", 2)
    again = Figure(max(restarts), str(max(restarts)))
    peer = f"bash, the same {len(ours[-1].commands)} commands"
    bash = median([boot.own for boot in theirs], "s", 2) if theirs else None
    totals = [median([boot.total for boot in boots], "s", 2) for boots in (ours, theirs) if boots]
    return [
        Row("boot of a new database: own time", own, peer, bash, f"≤ {MOST:g} s", own.number <= MOST),
        Row("boot of a new database: in all", totals[0], peer, totals[1] if theirs else None),
        Row("unchanged restart: own time", median([boot.own for boot in unchanged], "s", 2), peer, bash),
        Row(
            "unchanged restart: commands",
            again,
            "bash",
            Figure(len(ours[-1].commands), str(len(ours[-1].commands))),
            "0",
            again.number == 0,
        ),
    ]


def _afresh(site: Site) -> None:
    site.sql.kill()
    site.clean()
    site.sql.launch()


def _boot(site: Site) -> Boot:
    """Boot a node; what it ran before doesn't count."""
    before, begun = len(site.commands()), time.time()
    listed = len(site.journal())
    with site.boot() as node:
        answered = _answered(site)
        site.wait_until_up(node)
        up = time.time()
        sql = site.state("prepare").get("steps", {}).get("sql", 0.0)
        _stop(node)
    return _result(site, before, listed, (begun, answered, up), sql)


def _stop(node: Namespace) -> None:
    node.signal()
    with contextlib.suppress(subprocess.TimeoutExpired):
        node.process.wait(10)


def _bash(site: Site, commands: Sequence[Sequence[str]]) -> Boot:
    """Run `commands` one after the other from bash, then the server."""
    server = str(site.server)
    lines = [shlex.join([server, *command]) for command in commands]
    run = f"exec {server} run --instance=OctopusServer --noninteractive"
    before, listed, begun = len(site.commands()), len(site.journal()), time.time()
    with Namespace(["bash", "-ec", "\n".join([*lines, run])], site.environ, errors=site.log):
        answered = _answered(site)
        return _result(site, before, listed, (begun, answered, answered), 0.0)


def _result(site: Site, before: int, listed: int, times: tuple[float, float, float], sql: float) -> Boot:
    begun, answered, up = times
    commands: list[Command] = site.commands()[before:]
    server = sum(end - begin for verb, begin, end in commands if verb != "run")
    started = next(begin for verb, begin, _ in commands if verb == "run")
    argvs = [list(line["argv"]) for line in site.journal()[listed:] if line["verb"] != "run"]
    return Boot(up - begun, server + answered - started, sql, argvs)


def _answered(site: Site) -> float:
    """Return when the node's ping was first answered with 200."""
    wait_for(lambda: _ping(site.port) == b"200", "a node that answers", pause=PAUSE)
    return time.time()


def _ping(port: int) -> bytes:
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.sendall(
                b"GET /api/octopusservernodes/ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            )
            return connection.recv(64)[9:12]
    except OSError:
        return b""
