"""Processes killed because memory ran out, as counted by the container's control group.

The counter is `oom_kill`: in memory.events (cgroup v2, with the groups below), in memory.oom_control (v1, Linux 4.13).
Both are in the kernel's Documentation/admin-guide, cgroup-v2.rst and cgroup-v1/memory.rst.
"""

import os


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ROOM = 4096  # bytes: more than each of these files has
_NESTED = "/init"  # where Docker-in-Docker moves the container's processes (dockerd/cgroups.py)


def open_counter(mount: str, membership: str = "/proc/self/cgroup") -> int | None:
    """Return a descriptor of the file that has the counter; None if there is none, or it can't be read.

    `mount` is where cgroups are mounted, `membership` the file that tells our own group.
    """
    for path in _places(mount, membership):
        try:
            return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            continue
    return None


def _places(mount: str, membership: str) -> "Iterator[str]":
    """Yield where the counter may be: in our own group, or where that is mounted as the root."""
    try:
        with open(membership, "rb") as file:
            lines = file.read(_ROOM).decode("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, controllers, group = line.split(":", 2)
        own = group.removesuffix(_NESTED).rstrip("/")
        if "memory" in controllers.split(","):
            yield f"{mount}/memory{own}/memory.oom_control"
            yield f"{mount}/memory/memory.oom_control"
        elif not controllers:
            yield f"{mount}{own}/memory.events"
            yield f"{mount}/memory.events"


def kills(counter: int) -> int | None:
    """Return how many processes were killed, by the file that descriptor `counter` is of; None if it doesn't tell."""
    try:
        words = os.pread(counter, _ROOM, 0).split()
    except OSError:
        return None
    count = words[words.index(b"oom_kill") + 1 :][:1] if b"oom_kill" in words else []
    return int(count[0]) if count and count[0].isdigit() else None


def sentence(count: int) -> str:
    """Return in words that `count` processes were killed."""
    processes = "a process" if count == 1 else f"{count} processes"
    return (
        f"The kernel killed {processes} in this container because memory ran out: raise the limit of the container "
        "(`--memory`, resources.limits), or that of the execution container."
    )


def killed_since(mount: str, node: "Mapping[str, object]") -> int:
    """Return how many were killed since process 1, whose state file is `node`, was started; 0 if it can't be known."""
    counter, before = open_counter(mount, f"/proc/{node.get('pid')}/cgroup"), node.get("oom_kills_before")
    if counter is None:
        return 0
    count = kills(counter)
    os.close(counter)
    return max(count - before, 0) if count is not None and isinstance(before, int) else 0
