"""One probe: CPU and wall time of asking a node whether it lives."""

import os
import random
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from processes import free_port

from . import image, machine
from .figures import Effort, Figure, Row


SOURCE = machine.ROOT / "entrypoint" / "probe.py"
SERVER = Path(__file__).parent / "programs" / "pinged.py"
ONE_LINER = (  # the liveness probe that Octopus's own documentation gives, but for the port
    "URL=http://localhost:{port}; response=$(/usr/bin/curl -k $URL/api/octopusservernodes/ping --write-out "
    '%{{http_code}} --silent --output /dev/null); /usr/bin/test "$response" -ge 200 && '
    '/usr/bin/test "$response" -le 299 || /usr/bin/test "$response" -eq 418'
)
BARE = ("-I", "-S", "-c", "pass")
ONE_LINERS, BARES = 1.0, 0.95  # limits of CPU and of wall time, as shares of the one-liner's and of bare Python's
FORMS = (
    ("path", "one probe, probe.py by path"),
    ("launcher", "one probe, the image's launcher"),
)
WARM_UP = 5
Cost = tuple[float, float]  # CPU and wall, in seconds


def rows(effort: Effort) -> list[Row]:
    """Return the rows of the probe, and of the interpreters to choose from."""
    pythons = machine.interpreters()
    starts = _costs({name: (path, *BARE) for name, path in pythons.items()}, {}, effort.of(100, 40))
    fastest = min(starts, key=lambda name: _cpu(starts[name]).number)
    others = [
        Row(f"bare start of Python {fastest}: CPU", _cpu(starts[fastest]), f"Python {name}", _cpu(cost))
        for name, cost in starts.items()
        if name != fastest
    ]
    return [*_probe_rows(fastest, pythons[fastest], effort.of(150, 40)), *others]


def _probe_rows(name: str, python: str, rounds: int) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="octo-node-bench-") as folder:
        forms = {
            "path": (python, "-I", "-S", str(SOURCE), "liveness"),
            "launcher": (*image.command(python, Path(folder)), "probe", "liveness"),
            "bare": (python, *BARE),
        }
        costs = _measure(forms, rounds)
    theirs, bare = costs.get("one-liner"), costs["bare"]
    cpu, wall = (_cpu(theirs), _wall(theirs)) if theirs else (None, None)
    one_liner, python_bare = "bash + curl one-liner", f"bare Python {name}"
    found = []
    for form, what in FORMS:
        ours = costs[form]
        found += [
            _row(f"{what}: CPU", (_cpu(ours), one_liner, cpu), ONE_LINERS),
            _row(f"{what}: wall", (_wall(ours), one_liner, wall), ONE_LINERS),
            _row(f"{what}: CPU", (_cpu(ours), python_bare, _cpu(bare)), BARES),
            _row(f"{what}: wall", (_wall(ours), python_bare, _wall(bare)), BARES),
        ]
    return found


def _row(what: str, pair: tuple[Figure, str, Figure | None], limit: float) -> Row:
    ours, peer, theirs = pair
    if theirs is None:
        return Row(what, ours, peer, theirs)
    return Row(what, ours, peer, theirs, f"≤ {limit} x", ours.number <= limit * theirs.number)


def _measure(forms: Mapping[str, Sequence[str]], rounds: int) -> dict[str, list[Cost]]:
    port = free_port()
    commands = dict(forms)
    bash = machine.peer("bash")
    if bash and machine.peer("curl"):
        commands["one-liner"] = (bash, "-c", ONE_LINER.format(port=port))
    with subprocess.Popen([*machine.BARE, str(SERVER), str(port)], stdout=subprocess.PIPE) as server:
        try:
            if server.stdout is None or not server.stdout.readline():
                raise RuntimeError("there is no server to probe")
            return _costs(commands, {"OCTO_NODE_WEB_PORT": str(port)}, rounds)
        finally:
            server.kill()


def _costs(commands: Mapping[str, Sequence[str]], environ: Mapping[str, str], rounds: int) -> dict[str, list[Cost]]:
    """Return the cost of each run of each command, run in turns."""
    found: dict[str, list[Cost]] = {name: [] for name in commands}
    for number in range(WARM_UP + rounds):
        for name in random.sample(sorted(commands), len(commands)):
            cost = _run(commands[name], environ)
            if number >= WARM_UP:
                found[name].append(cost)
    return found


def _run(command: Sequence[str], environ: Mapping[str, str]) -> Cost:
    silence = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    begun = time.monotonic()
    pid = os.posix_spawn(command[0], list(command), {"PATH": os.environ["PATH"], **environ}, file_actions=silence)
    _, status, usage = os.wait4(pid, 0)
    wall = time.monotonic() - begun
    if status != 0:
        raise RuntimeError(f"{' '.join(command)} ended with status {status}")
    return usage.ru_utime + usage.ru_stime, wall


def _cpu(costs: Sequence[Cost]) -> Figure:
    return _milliseconds([cpu for cpu, _ in costs])


def _wall(costs: Sequence[Cost]) -> Figure:
    return _milliseconds([wall for _, wall in costs])


def _milliseconds(seconds: Sequence[float]) -> Figure:
    middle = statistics.median(seconds)
    return Figure(middle, f"{middle * 1e3:.2f} ms")
