"""The folders: whether they can be written, have room, are volumes, and the same ones for all nodes."""

import json
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from entrypoint.base import forked, resource_limits
from entrypoint.octopus import commandline, shared_marks
from entrypoint.prepare.preflight import checks, docker_in_docker
from entrypoint.settings.paths import Paths

from .findings import Finding, failed, passed, unknown, warned


SECONDS = 10.0  # for all folders together: a file server may hang
GIBIBYTE = 1 << 30
LEAST_ROOM = GIBIBYTE  # less than that is a warning
_OVERLAY = 0x794C7630  # a container's own file system


@dataclass(frozen=True, slots=True)
class Volume:
    """A folder as it was found; `room` in bytes (None: it isn't counted), `marks` the nodes that use it."""

    room: int | None
    is_containers_own: bool
    marks: tuple[str, ...]


def look(paths: Paths) -> tuple[list[Finding], dict[str, Volume]]:
    """Return what is found of all folders, and the shared ones as they are, by path."""
    problems = checks.folder_problems(paths, untouched=True)
    found = [failed("volumes", code, sentence) for code, sentence in problems]
    try:
        answers = forked.run(_look, commandline.shared_folders(paths), SECONDS)
    except OSError as error:
        return [*found, unknown("volumes", f"The folders can't be looked at: {resource_limits.reason(error)}.")], {}
    volumes = {path: _read(answer) for path, answer in answers.items() if answer}
    full = {path for path in volumes if any(finding.sentence.startswith(f"{path} ") for finding in found)}
    found += _findings({path: volume for path, volume in volumes.items() if path not in full})
    if not problems:
        least = min((v.room for v in volumes.values() if v.room is not None), default=None)
        room = "" if least is None else f"; the least room is {least / GIBIBYTE:.1f} GiB"
        found.append(passed("volumes", f"The folders can be written by user {os.getuid()}:{os.getgid()}{room}."))
    return found, volumes


def _findings(volumes: dict[str, Volume]) -> Iterator[Finding]:
    for path, volume in volumes.items():
        if volume.room is not None and volume.room < LEAST_ROOM:
            yield warned("volumes", f"{path} has {volume.room / GIBIBYTE:.2f} GiB of room left: make room there.")
    own = [path for path, volume in volumes.items() if volume.is_containers_own]
    if own:
        yield warned(
            "volumes",
            f"{', '.join(own)} {'is' if len(own) == 1 else 'are'} in the container's own file system: what is written "
            "there is lost with the container. Mount volumes there.",
        )


def shared(volumes: dict[str, Volume], others: Collection[str]) -> Iterator[Finding]:
    """Compare the marks in the folders with the `others`, nodes that are alive: each leaves one when it is started."""
    if not others:
        return
    paths: dict[tuple[str, ...], list[str]] = {}
    for path, volume in volumes.items():
        paths.setdefault(tuple(sorted(set(others) - set(volume.marks))), []).append(path)
    for strangers, where in paths.items():
        if strangers:
            yield warned(
                "volumes",
                f"{', '.join(strangers)} left no mark in {', '.join(where)}: mount one volume for all nodes "
                "(ReadWriteMany), or tasks miss the files of other nodes. A node that an earlier octo-node, or none, "
                "started leaves no mark either.",
            )
    if not any(paths):
        yield passed("volumes", f"The other nodes ({', '.join(sorted(others))}) use the same volumes.")


def _look(folder: str) -> bytes:
    there = folder
    while not os.path.isdir(there) and os.path.dirname(there) != there:
        there = os.path.dirname(there)
    disk = os.statvfs(there)
    # file systems that don't count have no blocks at all
    room = disk.f_bavail * disk.f_frsize if disk.f_blocks else None
    own = docker_in_docker.file_system(there) == _OVERLAY
    return json.dumps({"room": room, "own": own, "marks": shared_marks.read(folder)}).encode()


def _read(answer: bytes) -> Volume:
    told = json.loads(answer)
    return Volume(told["room"], told["own"], tuple(told["marks"]))
