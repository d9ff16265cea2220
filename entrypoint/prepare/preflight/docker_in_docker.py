"""Checks whether Docker-in-Docker is possible here: dockerd itself would only fail later, and not say what to do."""

import ctypes
import os
import shutil
from collections.abc import Iterator

from entrypoint.base.exitcodes import ExitCode
from entrypoint.dockerd import arguments
from entrypoint.settings.base_settings import PRIVILEGED, BaseSettings


STATUS = "/proc/self/status"
CGROUPS = "/sys/fs/cgroup"
_CAP_SYS_ADMIN = 1 << 21
OVERLAY = 0x794C7630
_NEXT = "run the container with --privileged, or set DISABLE_DIND=Y."


def problems(settings: BaseSettings, status: str = STATUS, cgroups: str = CGROUPS) -> list[tuple[ExitCode, str]]:
    """Return why dockerd can't run here, as exit code and sentence; nothing if it can, or isn't wanted.

    `status` is our own in /proc, `cgroups` where they are mounted.
    """
    if settings.containers != PRIVILEGED:
        return []
    found = []
    lacking = list(missing(status, cgroups))
    if lacking:
        found.append(f"Docker-in-Docker isn't possible here, because {', and '.join(lacking)}: {_NEXT}")
    if shutil.which("dockerd", path=settings.search_path) is None:
        found.append(
            "Docker-in-Docker needs dockerd, which isn't on PATH: install Docker in the image, or set DISABLE_DIND=Y."
        )
    socket = settings.paths.docker_socket
    if _is_mount_point(socket):
        found.append(
            f"Another engine's socket is mounted on {socket}, where Docker-in-Docker has its own: leave that out, "
            f"or use that engine with OCTO_NODE_CONTAINERS=external and DOCKER_HOST=unix://{socket}."
        )
    return [(ExitCode.DOCKER_IN_DOCKER, sentence) for sentence in found]


def warnings(settings: BaseSettings, overlay: int = OVERLAY) -> list[str]:
    """Return what is slow or lost if dockerd keeps its images where it will; `overlay` is that file system's number."""
    folder = data_root(settings)
    if settings.containers != PRIVILEGED or file_system(folder) != overlay:
        return []
    sentence = (
        f"{folder} is on overlay, the container's own file system: dockerd then makes a whole copy of each layer, which"
        " is slow and large, and its images are lost with the container. Mount a volume there."
    )
    return [sentence]


def missing(status: str = STATUS, cgroups: str = CGROUPS) -> Iterator[str]:
    """Yield what this container lacks for a dockerd that is root, in words that follow "because"."""
    with open(status, encoding="utf-8", errors="replace") as file:
        own = dict(line.split(":", 1) for line in file if ":" in line)
    uid = own["Uid"].split()[1]
    if uid != "0":
        yield f"user {uid} isn't root"
    if not int(own["CapEff"], 16) & _CAP_SYS_ADMIN:
        yield "the capability CAP_SYS_ADMIN is missing"
    mounts = _mounts(cgroups)
    if not mounts:
        yield f"no cgroups are mounted in {cgroups}"
    elif any(os.statvfs(folder).f_flag & os.ST_RDONLY for folder in mounts):
        yield f"the cgroups in {cgroups} are read-only"


def _mounts(cgroups: str) -> list[str]:
    """Return where cgroups are mounted: version 2 in the folder itself, version 1 a controller each below it."""
    if os.path.exists(f"{cgroups}/cgroup.controllers"):
        return [cgroups]
    try:
        return [entry.path for entry in os.scandir(cgroups) if os.path.ismount(entry.path)]
    except OSError:
        return []


def _is_mount_point(path: str) -> bool:
    """Return whether something is mounted on a file; `os.path.ismount` sees that only where file systems differ."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as file:
        return os.path.realpath(path) in {line.split()[4] for line in file}


def data_root(settings: BaseSettings) -> str:
    """Return the folder that dockerd keeps its images in."""
    try:
        given = arguments.parse(settings.dockerd_args)
    except ValueError:
        given = []  # the settings' own check tells
    return [settings.paths.docker_data, *arguments.values(given, "data-root")][-1]


def file_system(folder: str) -> int:
    """Return the number of the file system that `folder` is on, or will be; statvfs(3) doesn't have it."""
    while not os.path.exists(folder):
        folder = os.path.dirname(folder)
    found = (ctypes.c_long * 32)()  # more than a struct statfs, whose first field it is
    ctypes.CDLL(None).statfs(os.fsencode(folder), found)
    return found[0]
