"""Cgroup v2: a group with processes of its own can't hand controllers down, so the root group is emptied first."""

import os
import time


_OURS = {"0::/", "0::/init"}  # of a process in a cgroup namespace of its own: before, and after it was moved
_ROUNDS = 50  # what is executed in the container meanwhile, such as a probe, starts in the root group again
_PAUSE = 0.02


def nest(folder: str, membership: str = "/proc/self/cgroup") -> None:
    """Move all processes of the root group to `init`, and hand its controllers down. With cgroup v1 do nothing.

    `folder` is where cgroups are mounted, `membership` the file that tells our own group. Raise OSError if it
    can't be done, or if the root group may be another's than this container's.
    """
    if not os.path.exists(f"{folder}/cgroup.controllers"):
        return
    with open(membership, encoding="utf-8") as file:
        group = file.read().strip()
    if group not in _OURS:
        raise OSError(f"{folder} isn't the container's own ({group}); run it with --cgroupns=private")
    os.makedirs(f"{folder}/init", exist_ok=True)
    controllers = " ".join(f"+{name}" for name in _words(f"{folder}/cgroup.controllers"))
    for _ in range(_ROUNDS - 1):
        try:
            _hand_down(folder, controllers)
        except OSError:
            time.sleep(_PAUSE)
        else:
            return
    _hand_down(folder, controllers)


def _hand_down(folder: str, controllers: str) -> None:
    for pid in _words(f"{folder}/cgroup.procs"):
        try:
            _write(f"{folder}/init/cgroup.procs", pid)
        except OSError:
            continue  # it has ended
    _write(f"{folder}/cgroup.subtree_control", controllers)


def _words(path: str) -> list[str]:
    with open(path, encoding="ascii") as file:
        return file.read().split()


def _write(path: str, text: str) -> None:
    with open(path, "a", encoding="ascii") as file:
        file.write(f"{text}\n")
