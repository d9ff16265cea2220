"""What process 1 holds and how often it wakes while nothing happens."""

import contextlib
import signal
import tempfile
import time
from pathlib import Path

import psutil

from . import machine
from .figures import Effort, Figure, Row
from .namespaces import Namespace
from .site import Site


MOST_MIB = 11
SETTLE_SECONDS = 2.0
SUPERVISORD = """[supervisord]
nodaemon=true
logfile=/dev/null
logfile_maxbytes=0
pidfile={folder}/pid
[program:server]
command=sleep 1000
"""
PYTHON = "bare Python, -I -S, asleep"


def rows(effort: Effort) -> list[Row]:
    """Return memory and wake-ups of an up node's process 1, each beside each peer's."""
    seconds = effort.of(60, 10)
    with contextlib.ExitStack() as stack:
        site = stack.enter_context(Site())
        node = stack.enter_context(site.boot())
        peers = _start_peers(stack, site.folder)
        site.wait_until_up(node)
        time.sleep(SETTLE_SECONDS)
        everybody = {"ours": node} | peers
        before = {name: _wakeups(inside) for name, inside in everybody.items()}
        time.sleep(seconds)
        wakeups = {name: _wakeups(inside) - before[name] for name, inside in everybody.items()}
        memory = {name: _memory(inside) for name, inside in everybody.items()}
    return _rows(memory, {name: Figure(count, str(count)) for name, count in wakeups.items()}, seconds)


def _rows(memory: dict[str, Figure], wakeups: dict[str, Figure], seconds: int) -> list[Row]:
    peers = ("tini", "supervisord", PYTHON)
    ours = memory["ours"]
    resident = ("process 1 of a node that is up: resident (private)", ours)
    awake = (f"process 1 of a node that is up: wake-ups in {seconds} s", wakeups["ours"])
    small, asleep = ours.number <= MOST_MIB, wakeups["ours"].number == 0
    return [
        *(Row(*resident, peer, memory.get(peer), f"≤ {MOST_MIB} MiB", small) for peer in peers),
        *(Row(*awake, peer, wakeups.get(peer), "0", asleep) for peer in peers),
    ]


def _start_peers(stack: contextlib.ExitStack, folder: Path) -> dict[str, Namespace]:
    configuration = Path(stack.enter_context(tempfile.TemporaryDirectory()), "supervisord.conf")
    configuration.write_text(SUPERVISORD.format(folder=folder))
    commands = {
        "tini": ("tini", "--", "sleep", "1000"),
        "supervisord": ("supervisord", "-c", str(configuration)),
        PYTHON: (*machine.BARE, "-c", f"import signal; signal.sigwait({{{int(signal.SIGTERM)}}})"),
    }
    there = {name: command for name, command in commands.items() if name == PYTHON or machine.peer(name)}
    return {name: stack.enter_context(Namespace(command)) for name, command in there.items()}


def _wakeups(inside: Namespace) -> int:
    return int(psutil.Process(inside.pid).num_ctx_switches().voluntary)


def _memory(inside: Namespace) -> Figure:
    memory = psutil.Process(inside.pid).memory_full_info()
    resident, private = memory.rss / 2**20, memory.uss / 2**20
    return Figure(resident, f"{resident:.1f} MiB ({private:.1f})")
