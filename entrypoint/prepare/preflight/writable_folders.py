"""Checks that folders are writable by doing what the server will do: writing bytes that reach the disk."""

import errno
import os
from collections.abc import Sequence

from entrypoint.base import forked, resource_limits, trusted_file


SECONDS = 10.0
_BYTES = 1 << 16  # an empty file fits on a full disk, and a few bytes into its entry in the folder
_MOUNT = "Mount a volume there that this user may write to"
_ROOM = "Free space there"
_FULL = {errno.ENOSPC, errno.EDQUOT}


def problems(folders: Sequence[str], seconds: float = SECONDS, *, untouched: bool = False) -> dict[str, str]:
    """Return what is wrong with each of `folders` that can't be written, in words that fit after its name.

    Each is tried in a process of its own, for `seconds` at most: a hung NFS must not hang us. If they have to be left
    `untouched`, the kernel is only asked for rights and room. Raise OSError if a process can't be started.
    """
    silence = f"gave no answer within {seconds:g} s (a file server that hangs?). {_MOUNT}"
    answers = forked.run(_ask if untouched else _try, folders, seconds)
    told = {folder: silence if answer is None else answer.decode() for folder, answer in answers.items()}
    return {folder: problem for folder, problem in told.items() if problem}


def _ask(folder: str) -> bytes:
    """Return what is wrong with the rights to `folder`, or to make it, or with its room; nothing if both are there."""
    there = folder
    while not os.path.lexists(there) and os.path.dirname(there) != there:
        there = os.path.dirname(there)
    if not (os.path.isdir(there) and os.access(there, os.W_OK | os.X_OK)):
        return f"can't be written by user {os.getuid()}:{os.getgid()}. {_MOUNT}".encode()
    disk = os.statvfs(there)
    # file systems that don't count have no blocks at all
    return f"has no space left. {_ROOM}".encode() if disk.f_blocks and disk.f_bavail * disk.f_frsize < _BYTES else b""


def _try(folder: str) -> bytes:
    """Write a file to `folder` and take it away; return what is wrong, nothing if all went well."""
    # pids repeat: in the next container of this volume, and in others that share it
    path = f"{folder}/.octo-node-{os.urandom(8).hex()}"
    try:
        os.makedirs(folder, exist_ok=True)
        trusted_file.write_new(path, bytes(_BYTES))
        os.unlink(path)
    except OSError as error:
        advice = _ROOM if error.errno in _FULL else _MOUNT
        return (
            f"can't be written by user {os.getuid()}:{os.getgid()}: {resource_limits.reason(error)}. {advice}".encode()
        )
    return b""
