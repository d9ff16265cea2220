"""Checks whether a rootless engine is possible here: rootlesskit would only fail later, and not say what to do."""

import os
from collections.abc import Iterator

from entrypoint.base.exitcodes import ExitCode
from entrypoint.dockerd import lacks, rootless
from entrypoint.settings.base_settings import ROOTLESS, BaseSettings

from .docker_in_docker import OVERLAY, data_root, file_system


_OVERLAY_SINCE = (5, 11)  # the kernel's overlay in user namespaces
_WITHOUT_KIT = ("dockerd",)


def problems(base: BaseSettings) -> list[tuple[ExitCode, str]]:
    """Return why a rootless engine can't run here, a sentence each; nothing if it can, or isn't wanted."""
    if base.containers != ROOTLESS:
        return []
    return [
        (ExitCode.DOCKER_IN_DOCKER, f"A rootless engine isn't possible here, because {lack}.") for lack in missing(base)
    ]


def missing(base: BaseSettings) -> list[str]:
    """Return what this container lacks for a rootless engine, in words that follow "because"."""
    found = [*_of_the_way(base), lacks.writable(data_root(base), "images")]
    found.append(lacks.writable(os.path.dirname(base.engine.removeprefix("unix://")), "the engine's socket"))
    return [lack for lack in found if lack]


def warnings(base: BaseSettings) -> Iterator[str]:
    """Yield what is slow, or doesn't hold, with a rootless engine."""
    if base.containers != ROOTLESS:
        return
    folder = data_root(base)
    if file_system(folder) == OVERLAY:
        yield (
            f"{folder} is on overlay, the container's own file system, on which a rootless engine is slow or starts no "
            "container, and whose images are lost with the container: mount a volume there."
        )
    release = os.uname().release
    if tuple(int(part) for part in release.split(".")[:2] if part.isdecimal()) < _OVERLAY_SINCE:
        yield f"Linux {release} has no overlay for rootless engines (5.11 has): images are slow and large here."
    if not os.access(f"{base.paths.cgroups}/cgroup.subtree_control", os.W_OK):
        yield "Limits of a step's container (--memory, --cpus) don't hold with this rootless engine: the node's own do."


def _of_the_way(base: BaseSettings) -> Iterator[str | None]:
    uid = os.geteuid()
    if rootless.is_namespace_root():
        yield lacks.programs(base.search_path, _WITHOUT_KIT)
        yield lacks.administration()
        yield lacks.proc()
        yield lacks.writable(base.paths.under_root("/etc/docker"), "dockerd's key")
        return
    if uid == 0:
        yield (
            "this is root of the machine: run the container as another user, such as --user 1001:0, or in a pod with "
            "hostUsers: false"
        )
        return
    yield lacks.programs(base.search_path)
    without = lacks.user_namespaces()
    yield without or lacks.proc()
    yield lacks.new_privileges()
    yield lacks.capabilities()
    yield lacks.file_capabilities(base.search_path)
    yield lacks.subordinate_ids(uid)
    yield lacks.tun()
