"""How secrets get from process 1 to the processes that need them: a descriptor of memory, never an environment.

Process 1 is executed again without them (`init/secrets.py`); preflight, prepare, settle and drain inherit the
descriptor, and its number in `DESCRIPTOR`. Everything else that is started inherits neither.
"""

import os

from . import variables


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

DESCRIPTOR = "OCTO_NODE_SECRETS_FD"
MEMFD = "octo-node-secrets"
SHARED_MEMORY = "/dev/shm"  # noqa: S108 - where a nameless file holds them if the container has no memfd


def split(environ: "Mapping[str, str]") -> tuple[dict[str, str], dict[str, str]]:
    """Return `environ` in two: what may be handed on, and the secrets."""
    public = {k: v for k, v in environ.items() if k not in variables.SECRETS}
    return public, {k: v for k, v in environ.items() if k in variables.SECRETS}


def pack(secrets: "Mapping[str, str]") -> bytes:
    """Return the bytes of the memfd: NAME=value, each ended by a NUL, as in /proc/PID/environ."""
    return b"".join(os.fsencode(f"{name}={value}") + b"\0" for name, value in secrets.items())


def descriptor(environ: "Mapping[str, str]") -> int | None:
    """Return the inherited descriptor's number, or None if none of octo-node was inherited."""
    number = environ.get(DESCRIPTOR, "")
    if not number.isdecimal():
        return None
    try:
        target = os.readlink(f"/proc/self/fd/{number}")
        found = os.fstat(int(number))
    except (OSError, OverflowError):
        return None
    # what was never given a name is called by its inode
    nameless = (f"{SHARED_MEMORY}/#{found.st_ino} (deleted)", 0, os.geteuid())
    is_ours = target.startswith(f"/memfd:{MEMFD}") or (target, found.st_nlink, found.st_uid) == nameless
    return int(number) if is_ours else None


def whole(environ: "Mapping[str, str]") -> dict[str, str]:
    """Return `environ` with the secrets that were handed over, and without the descriptor's number."""
    merged = {k: v for k, v in environ.items() if k != DESCRIPTOR}
    number = descriptor(environ)
    if number is not None:
        entries = os.pread(number, os.fstat(number).st_size, 0).split(b"\0")[:-1]
        merged |= dict(os.fsdecode(entry).split("=", 1) for entry in entries)
    return merged
