"""From the exec of process 1 to blocked signals: a TERM in between is dropped by the kernel."""

import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from . import image, machine
from .figures import Effort, Figure, Row, median
from .namespaces import OCTO_NODE, Namespace


LAUNCH = (*machine.BARE, str(Path(__file__).parent / "programs" / "launch.py"))
BLOCK = "import _signal as s, time; s.pthread_sigmask(s.SIG_BLOCK, {15}); time.sleep(1000)"
SCRIPT = """import re
import sys
from entrypoint.__main__ import main
if __name__ == '__main__':
    sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])
    sys.exit(main())
"""
PYTHON = "bare Python, -I -S, that blocks"
_SEEN = re.compile(rb"^Sig(?:Blk|Cgt):\t([0-9a-f]+)$", re.MULTILINE)
_SIGTIMEDWAIT = {"x86_64": b"128", "aarch64": b"137"}.get(os.uname().machine, b"-")
_TERM = 1 << (signal.SIGTERM - 1)


def rows(effort: Effort) -> list[Row]:
    """Return the deaf window of each way to start octo-node, beside its peers'."""
    with tempfile.TemporaryDirectory(prefix="octo-node-bench-") as folder:
        script = Path(folder, "script")
        script.write_text(SCRIPT)
        ours = {
            "`python -m entrypoint run`": (*OCTO_NODE, "run"),
            "the console script": (sys.executable, str(script), "run"),
            "the image's launcher": (*image.command(sys.executable, Path(folder)), "run"),
        }
        peers = {PYTHON: (*machine.BARE, "-c", BLOCK), "tini": ("tini", "--", "sleep", "1000")}
        there = {name: command for name, command in peers.items() if name == PYTHON or machine.peer(name)}
        samples = _measure(ours | there, effort.of(25, 8))
    return [Row(f"deaf to TERM: {name}", samples[name], peer, samples.get(peer)) for name in ours for peer in peers]


def _measure(commands: dict[str, tuple[str, ...]], rounds: int) -> dict[str, Figure]:
    samples: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            samples[name].append(_deaf(command))
    return {name: median(sample) for name, sample in samples.items()}


def _deaf(command: Sequence[str]) -> float:
    """Return the seconds between the exec and the moment at which TERM is seen blocked, caught or waited for."""
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(machine.ROOT)}
    go, going = os.pipe()
    try:
        with Namespace([*LAUNCH, str(go), *command], environ, inherit=[go]) as inside:
            inside.word("ready")
            os.write(going, b"!")
            listening = _until_listening(inside.pid)
            return (listening - int(inside.word("exec"))) / 1e9
    finally:
        os.close(go)
        os.close(going)


def _until_listening(pid: int) -> int:
    with open(f"/proc/{pid}/status", "rb", 0) as status, open(f"/proc/{pid}/syscall", "rb", 0) as syscall:
        while not (_has_term(os.pread(status.fileno(), 8192, 0)) or _waits(os.pread(syscall.fileno(), 64, 0))):
            pass
        return time.monotonic_ns()


def _has_term(status: bytes) -> bool:
    """Return whether TERM is blocked or caught."""
    return any(int(mask, 16) & _TERM for mask in _SEEN.findall(status))


def _waits(syscall: bytes) -> bool:
    """Return whether it is in rt_sigtimedwait: the kernel shows what is waited for as not blocked meanwhile."""
    return syscall.split(b" ", 1)[0] == _SIGTIMEDWAIT
