"""Cgroup v2: a group that has processes can't delegate controllers, so the container's own group is emptied first."""

import os
import time


_MOVED = "/init"  # where processes are moved to, within the container's group
_ROUNDS = 50  # what is executed in the container meanwhile, such as a probe, starts in that group again
_PAUSE = 0.02


def nest(folder: str, membership: str = "/proc/self/cgroup") -> str:
    """Move all processes of the container's group to `init` in it, and hand its controllers down.

    Return the group, `/` in a cgroup namespace of its own; a privileged pod has none, and sees its group within the
    host's. With cgroup v1 do nothing. `folder` is where cgroups are mounted, `membership` the file that tells our own
    group. Raise OSError if it can't be done.
    """
    if not os.path.exists(f"{folder}/cgroup.controllers"):
        return "/"
    with open(membership, encoding="utf-8") as file:
        group = file.read().strip().removeprefix("0::").removesuffix(_MOVED) or "/"
    folder = os.path.join(folder, group.lstrip("/")).rstrip("/")
    if not os.path.exists(f"{folder}/cgroup.controllers"):
        raise OSError(f"the container's group, {group}, isn't among those in {folder}; run it with --cgroupns=private")
    os.makedirs(f"{folder}{_MOVED}", exist_ok=True)
    controllers = " ".join(f"+{name}" for name in _words(f"{folder}/cgroup.controllers"))
    for _ in range(_ROUNDS - 1):
        try:
            _hand_down(folder, controllers)
        except OSError:
            time.sleep(_PAUSE)
        else:
            return group
    _hand_down(folder, controllers)
    return group


def _hand_down(folder: str, controllers: str) -> None:
    for pid in _words(f"{folder}/cgroup.procs"):
        try:
            _write(f"{folder}{_MOVED}/cgroup.procs", pid)
        except OSError:
            continue  # it has ended
    _write(f"{folder}/cgroup.subtree_control", controllers)


def _words(path: str) -> list[str]:
    with open(path, encoding="ascii") as file:
        return file.read().split()


def _write(path: str, text: str) -> None:
    with open(path, "a", encoding="ascii") as file:
        file.write(f"{text}\n")
