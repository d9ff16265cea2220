"""What the container's control group tells: memory, limits, processor time.

The files are those of the kernel's documentation: cgroup-v2.rst, and cgroup-v1's memory.rst, cpuacct.rst and
sched-bwc.rst. `memory.peak` is there since Linux 5.19.
"""

import os
from collections.abc import Iterable, Mapping

from entrypoint.base import oom
from entrypoint.settings.paths import Paths

from .schema import Container


UNKNOWN = Container(
    memory_bytes=None,
    memory_limit_bytes=None,
    memory_peak_bytes=None,
    oom_kills=0,
    cpu_limit=None,
    cpu_seconds=None,
)
_NESTED = "/init"  # where Docker-in-Docker moves the container's processes (dockerd/cgroups.py)
_ROOM = 4096  # bytes: more than each of these files has
_NO_LIMIT = 1 << 60  # v1 writes a limit that nobody set as a very large number
_NANOSECONDS = 1e9
_MICROSECONDS = 1e6


def look(paths: Paths, node: Mapping[str, object]) -> Container:
    """Return the figures of the group of process 1, whose state file is `node`; of our own where that tells of none."""
    pid = node.get("pid", "self")
    groups = _groups(f"/proc/{pid}/cgroup") or _groups("/proc/self/cgroup")
    memory = _Files(paths.cgroups, "memory", groups)
    processor = _Files(paths.cgroups, "cpu", groups)
    accounting = _Files(paths.cgroups, "cpuacct", groups)
    return Container(
        memory_bytes=memory.number("memory.current", "memory.usage_in_bytes"),
        memory_limit_bytes=memory.number("memory.max", "memory.limit_in_bytes"),
        memory_peak_bytes=memory.number("memory.peak", "memory.max_usage_in_bytes"),
        oom_kills=oom.killed_since(paths.cgroups, node),
        cpu_limit=_cpu_limit(processor),
        cpu_seconds=_cpu_seconds(processor, accounting),
    )


def _groups(membership: str) -> dict[str, str]:
    """Return the group of each controller, by the controller's name; empty for all of v2's."""
    found = {}
    for line in (_read(membership) or "").splitlines():
        _, controllers, group = line.split(":", 2)
        for controller in controllers.split(","):
            found[controller] = group.removesuffix(_NESTED).rstrip("/")
    return found


class _Files:
    """The files of one `controller`, in our own group, or where that is mounted as the root."""

    def __init__(self, mount: str, controller: str, groups: Mapping[str, str]) -> None:
        if controller in groups:
            self._folders = [f"{mount}/{controller}{groups[controller]}", f"{mount}/{controller}"]
        else:
            self._folders = [f"{mount}{groups.get('', '')}", mount]

    def text(self, name: str) -> str | None:
        """Return the content of the file `name`; None if it isn't there."""
        return _first(_read(f"{folder}/{name}") for folder in self._folders)

    def number(self, *names: str) -> int | None:
        """Return the number in the first of these files that is there; None for none, or for no limit."""
        text = _first(self.text(name) for name in names)
        return int(text) if text is not None and text.isdigit() and int(text) < _NO_LIMIT else None


def _cpu_limit(files: _Files) -> float | None:
    v2 = (files.text("cpu.max") or "").split()
    quota, period = v2 if len(v2) == 2 else (files.text("cpu.cfs_quota_us"), files.text("cpu.cfs_period_us"))
    if quota is None or period is None or not quota.isdigit() or not period.isdigit() or int(period) == 0:
        return None
    return round(int(quota) / int(period), 3)


def _cpu_seconds(files: _Files, accounting: _Files) -> float | None:
    words = (files.text("cpu.stat") or "").split()
    if "usage_usec" in words:
        return round(int(words[words.index("usage_usec") + 1]) / _MICROSECONDS, 3)
    found = accounting.number("cpuacct.usage")
    return None if found is None else round(found / _NANOSECONDS, 3)


def _first(texts: Iterable[str | None]) -> str | None:
    return next((text for text in texts if text is not None), None)


def _read(path: str) -> str | None:
    try:
        number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        return os.read(number, _ROOM).decode("utf-8", "replace").strip()
    except OSError:
        return None
    finally:
        os.close(number)
