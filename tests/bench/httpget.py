"""A probe by `httpGet` beside one by exec, with what the container runtime spends to execute it in a container.

CPU is that of all processes that the runtime starts for it (wait4), or that octo-node spent, its child included.
The container is a real one of runc, of this machine's own file system; kubelet and containerd come on top of exec.
"""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
from monitoring_site import get
from processes import free_port, wait_until

from . import image, machine
from .figures import Effort, Figure, Row
from .probe import _cpu, _run
from .site import Site


WATCH_SECONDS = 30.0  # that the HTTP process is watched for while nobody asks
PATIENCE = 300.0  # seconds for a boot: CPU is what is measured, which a busy machine doesn't change
RUNC = "runc"


def rows(effort: Effort) -> list[Row]:
    """Return the cost of a probe by HTTP beside that by exec."""
    seconds = effort.of(600, 30)
    by_http, idle, (wakeups, grown) = _by_http(effort.of(3000, 600), seconds)
    by_exec = _by_exec(effort.of(60, 15))
    peer = f"{RUNC} exec octo-node probe"
    quiet = wakeups == 0 and grown <= 0
    return [
        Row(
            f"process 1, scraped each second for {seconds} s: wake-ups, memory grown",
            Figure(wakeups, f"{wakeups}, {grown} KiB"),
            "not scraped",
            Figure(0, "0, 0 KiB"),
            "0, 0 KiB",
            quiet,
        ),
        Row(
            "one probe by httpGet: CPU of octo-node",
            by_http,
            peer,
            by_exec,
            "less",
            by_exec is None or by_http.number < by_exec.number,
        ),
        Row(
            "OCTO_NODE_HTTP, asked by nobody: CPU in a minute", idle, f"{peer}, 3 probes each 10 s", _times(by_exec, 18)
        ),
    ]


def _times(one: Figure | None, count: int) -> Figure | None:
    return None if one is None else Figure(one.number * count, f"{one.number * count * 1e3:.0f} ms")


def _by_http(questions: int, seconds: int) -> tuple[Figure, Figure, tuple[int, int]]:
    """Return the CPU of one question, and of a minute in which nobody asks.

    Then what process 1 did while it was scraped for some `seconds`: wake-ups, and KiB that it grew by.
    """
    port = free_port()
    with Site() as site, site.boot(OCTO_NODE_HTTP=f"127.0.0.1:{port}") as node:
        wait_until(lambda: site.state("node").get("phase") == "up", PATIENCE, what="a node that is up")
        wait_until(lambda: get(port, "/livez")[0] == 200, what="octo-node answers")
        server = next(one for one in psutil.Process(node.pid).children() if "serve-http" in one.cmdline())
        before = _cpu_of(server)
        time.sleep(WATCH_SECONDS)
        idle = (_cpu_of(server) - before) / WATCH_SECONDS
        before = _cpu_of(server)
        for _ in range(questions):
            get(port, "/livez")
        one = (_cpu_of(server) - before) / questions  # with what it does meanwhile anyway
        scraped = _scraped(psutil.Process(node.pid), port, seconds)
    return Figure(one, f"{one * 1e3:.2f} ms"), Figure(idle * 60, f"{idle * 60 * 1e3:.0f} ms"), scraped


def _scraped(process: psutil.Process, port: int, seconds: int) -> tuple[int, int]:
    """Return how often `process` woke up, and by how many KiB it grew, while metrics were asked for each second."""
    woken, size = process.num_ctx_switches().voluntary, process.memory_info().rss
    for _ in range(seconds):
        get(port, "/metrics")
        time.sleep(1)
    return process.num_ctx_switches().voluntary - woken, (process.memory_info().rss - size) // 1024


def _cpu_of(process: psutil.Process) -> float:
    """Return the CPU time of a process and all below it, those that have ended included."""
    total = 0.0
    for one in [process, *process.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = one.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def _by_exec(rounds: int) -> Figure | None:
    """Return the CPU of one `runc exec` of a probe that is answered; None without runc."""
    runc = shutil.which(RUNC)
    if runc is None:
        return None
    with tempfile.TemporaryDirectory(prefix="octo-node-bench-") as folder:
        command = image.command(next(iter(machine.interpreters().values())), Path(folder))
        with _container(runc, Path(folder)) as name, _pinged() as port:
            words = [runc, "exec", "--env", f"OCTO_NODE_WEB_PORT={port}", name, *command, "probe", "liveness"]
            costs = [_run(words, {}) for _ in range(rounds)]
    return _cpu(costs)


@contextlib.contextmanager
def _pinged() -> Iterator[int]:
    port = free_port()
    program = Path(__file__).parent / "programs" / "pinged.py"
    with subprocess.Popen([*machine.BARE, str(program), str(port)], stdout=subprocess.PIPE) as server:
        try:
            if server.stdout is None or not server.stdout.readline():
                raise RuntimeError("there is no server to probe")
            yield port
        finally:
            server.kill()


@contextlib.contextmanager
def _container(runc: str, folder: Path) -> Iterator[str]:
    """Give a container that sleeps, on this machine's file system and network."""
    bundle, name = folder / "bundle", f"octo-node-bench-{os.getpid()}"
    bundle.mkdir()
    subprocess.run([runc, "spec"], cwd=bundle, check=True)
    file = bundle / "config.json"
    spec = json.loads(file.read_text())
    spec["root"] = {"path": "rootfs", "readonly": False}
    spec["process"] |= {"terminal": False, "args": ["sleep", "1000"]}
    spec["linux"]["namespaces"] = [one for one in spec["linux"]["namespaces"] if one["type"] != "network"]
    spec["mounts"] = [one for one in spec["mounts"] if one["type"] not in {"sysfs", "cgroup"}] + _binds(
        bundle / "rootfs"
    )
    file.write_text(json.dumps(spec))
    subprocess.run(
        [runc, "run", "--detach", "--bundle", str(bundle), name],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield name
    finally:
        subprocess.run([runc, "delete", "--force", name], check=False)


def _binds(root: Path) -> list[dict[str, object]]:
    """Return the mounts that show this machine's folders in the container's `root`; links are made there."""
    root.mkdir()
    found: list[dict[str, object]] = []
    for path in Path("/").iterdir():
        if path.is_symlink():
            (root / path.name).symlink_to(path.readlink())
        elif path.is_dir() and path.name not in {"dev", "proc", "sys", "lost+found"}:
            options = ["rbind", "ro"]
            found.append({"destination": str(path), "type": "bind", "source": str(path), "options": options})
    return found
