"""The boot of a new database: what octo-node itself adds, and what an unchanged restart runs."""

import contextlib
import shlex
import socket
import subprocess
import time
from collections.abc import Iterable, Sequence
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
    """Return first boots and restarts beside those of bash, and the commands of a restart."""
    first: dict[str, list[Boot]] = {"ours": [], "bash": []}
    again: dict[str, list[Boot]] = {"ours": [], "bash": []}
    with Site() as site:
        for _ in range(effort.of(5, 2)):
            _afresh(site)
            first["ours"].append(_boot(site))
            again["ours"].append(_boot(site))
            if machine.peer("bash"):
                commands = first["ours"][-1].commands
                _afresh(site)
                first["bash"].append(_bash(site, commands))
                again["bash"].append(_bash(site, commands))
    return [*_first_rows(**first), *_restart_rows(**again)]


def _first_rows(ours: list[Boot], bash: list[Boot]) -> list[Row]:
    own = _seconds(boot.own for boot in ours)
    peer = f"bash, the same {len(ours[0].commands)} commands"
    theirs = _seconds(boot.own for boot in bash) if bash else None
    return [
        Row("boot of a new database: own time", own, peer, theirs, f"≤ {MOST:g} s", own.number <= MOST),
        _in_all("boot of a new database: in all", ours, peer, bash),
    ]


def _restart_rows(ours: list[Boot], bash: list[Boot]) -> list[Row]:
    commands = _most_commands(ours)
    peer = "bash, all commands again"
    theirs = _most_commands(bash) if bash else None
    return [
        Row("unchanged restart: commands", commands, peer, theirs, "0", commands.number == 0),
        _in_all("unchanged restart: in all", ours, peer, bash),
    ]


def _in_all(what: str, ours: list[Boot], peer: str, bash: list[Boot]) -> Row:
    theirs = _seconds(boot.total for boot in bash) if bash else None
    return Row(what, _seconds(boot.total for boot in ours), peer, theirs)


def _seconds(values: Iterable[float]) -> Figure:
    return median(list(values), "s", 2)


def _most_commands(boots: list[Boot]) -> Figure:
    most = max(len(boot.commands) for boot in boots)
    return Figure(most, str(most))


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
    with Namespace(["bash", "-ec", "\n".join([*lines, run])], site.environ, errors=site.log) as node:
        answered = _answered(site)
        _stop(node)
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
