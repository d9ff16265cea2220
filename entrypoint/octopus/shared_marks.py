"""Marks in the shared folders, a file for each node: whoever finds another node's mark sees the same file system.

A node's container leaves its mark, in which the server's version stands, when it is configured. Nobody ever needs one:
`check` compares them with the nodes that the database calls alive, and who goes back to another build of a release sees
which of them run which.
"""

import itertools
import json
import os
from collections.abc import Iterable

from entrypoint.base import forked


FOLDER = ".octo-node"  # hidden: neither Octopus nor the look for an earlier installation counts it
SECONDS = 5.0  # for all folders together: a file server may hang
MOST = 1000  # marks that are read
VERSION_BYTES = 64  # of a version that are read
_LONGEST = 100  # characters of a node's name that are kept


def leave(folders: Iterable[str], node: str, version: str) -> list[str]:
    """Leave the mark of `node` in each of `folders`; return those in which that failed, or took too long."""

    def mark(folder: str) -> bytes:
        try:
            _leave(folder, node, version)
        except OSError as error:
            return str(error.strerror).encode()
        return b""

    return [folder for folder, answer in forked.run(mark, folders, SECONDS).items() if answer is None or answer]


def _leave(folder: str, node: str, version: str) -> None:
    place = f"{folder}/{FOLDER}"
    if not os.path.lexists(place):
        os.mkdir(place)
        os.chmod(place, os.stat(folder).st_mode & 0o777)  # for other nodes, which may have another user
    # deployment scripts write there too: a link mustn't lead us elsewhere
    parent = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        number = os.open(_file(node), flags, 0o644, dir_fd=parent)
        try:
            os.write(number, version.encode())
        finally:
            os.close(number)
    finally:
        os.close(parent)


def read(folder: str) -> list[str]:
    """Return the nodes that left a mark in `folder`; none if there are none, or they can't be read."""
    try:
        with os.scandir(f"{folder}/{FOLDER}") as entries:
            names = [entry.name for entry in itertools.islice(entries, MOST)]
    except OSError:
        return []
    return sorted(bytes.fromhex(name).decode("utf-8", "replace") for name in names if _is_mark(name))


def versions(folders: Iterable[str]) -> dict[str, str]:
    """Return which version of the server each node was configured with last, as far as the marks in `folders` tell.

    Raise OSError if no process can be started to look.
    """
    found: dict[str, str] = {}
    for answer in forked.run(_versions, folders, SECONDS).values():
        found |= json.loads(answer) if answer else {}
    return found


def _versions(folder: str) -> bytes:
    return json.dumps({node: _version(f"{folder}/{FOLDER}/{_file(node)}") for node in read(folder)}).encode()


def _version(path: str) -> str:
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(number, VERSION_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
    finally:
        os.close(number)


def _file(node: str) -> str:
    return node[:_LONGEST].encode("utf-8", "replace").hex()  # a name may have any character, `/` too


def _is_mark(name: str) -> bool:
    try:
        return bool(bytes.fromhex(name))
    except ValueError:
        return False
