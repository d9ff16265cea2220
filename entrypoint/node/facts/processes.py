"""What /proc tells of Octopus.Server and of dockerd."""

import time

import psutil

from entrypoint.node import server_process
from entrypoint.settings.paths import Paths

from .schema import Server


_KIT, _DOCKERD = "rootlesskit", "dockerd"
SAMPLE_SECONDS = 0.2  # between two looks at the processor's clock


def server(paths: Paths, folder: str | None) -> Server | None:
    """Return how Octopus.Server is; None if it doesn't run. Lasts SAMPLE_SECONDS."""
    found = server_process.find(paths, folder)
    if found is None:
        return None
    try:
        process = psutil.Process(found.pid)
        first, begun = _cpu(process), time.monotonic()
        time.sleep(SAMPLE_SECONDS)
        used, took = _cpu(process), time.monotonic() - begun
        return Server(
            pid=found.pid,
            seconds=round(time.time() - process.create_time(), 3),
            is_suspended=found.is_suspended,
            cpu_seconds=round(used, 3),
            cpu_percent=round(100 * max(used - first, 0.0) / took, 1),
            memory_bytes=process.memory_info().rss,
            processes=len(process.children(recursive=True)),
        )
    except psutil.Error:
        return None


def usage(pid: int) -> tuple[float | None, int | None]:
    """Return the seconds of processor time that process `pid` has used, and its memory; None if it can't be seen.

    Where that is rootlesskit, they are those of the dockerd below it.
    """
    try:
        process = psutil.Process(pid)
        if process.name() == _KIT:
            below = process.children(recursive=True)
            process = next((each for each in below if each.name() == _DOCKERD), process)
        return round(_cpu(process), 3), process.memory_info().rss
    except psutil.Error:
        return None, None


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
