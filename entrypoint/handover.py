"""How secrets get from process 1 to the processes that need them: a descriptor of memory, never an environment.

Process 1 is executed again without them (`init/secrets.py`); preflight, prepare, settle and drain inherit the
descriptor, and its number in `DESCRIPTOR`. Everything else that is started inherits neither.

What they learn themselves, such as a key that was drawn, they tell process 1 in the same way (`LEARNT`), so that it
can mask that as well where it quotes the server's log.
"""

import os

from . import variables


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

DESCRIPTOR = "OCTO_NODE_SECRETS_FD"
MEMFD = "octo-node-secrets"
LEARNT = "OCTO_NODE_LEARNT_FD"
_LEARNT_MEMFD = "octo-node-learnt"
_ROOM = 1 << 16  # bytes that are read of what was learnt
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
    number, target, found = _inherited(environ, DESCRIPTOR)
    if number is None or found is None:
        return None
    # what was never given a name is called by its inode
    nameless = (f"{SHARED_MEMORY}/#{found.st_ino} (deleted)", 0, os.geteuid())
    is_ours = target.startswith(f"/memfd:{MEMFD}") or (target, found.st_nlink, found.st_uid) == nameless
    return number if is_ours else None


def descriptors(environ: "Mapping[str, str]") -> tuple[int, ...]:
    """Return the numbers of all that a process with secrets inherits."""
    return tuple(number for number in (descriptor(environ), _learnt(environ)) if number is not None)


def _learnt(environ: "Mapping[str, str]") -> int | None:
    number, target, _ = _inherited(environ, LEARNT)
    return number if target.startswith(f"/memfd:{_LEARNT_MEMFD}") else None


def _inherited(environ: "Mapping[str, str]", variable: str) -> "tuple[int | None, str, os.stat_result | None]":
    """Return the descriptor that `variable` names, what it leads to, and its status; None if it isn't one."""
    number = environ.get(variable, "")
    if not number.isdecimal():
        return None, "", None
    try:
        return int(number), os.readlink(f"/proc/self/fd/{number}"), os.fstat(int(number))
    except (OSError, OverflowError, ValueError):
        return None, "", None


def whole(environ: "Mapping[str, str]") -> dict[str, str]:
    """Return `environ` with the secrets that were handed over, and without the descriptors' numbers."""
    merged = {k: v for k, v in environ.items() if k not in {DESCRIPTOR, LEARNT}}
    number = descriptor(environ)
    if number is not None:
        entries = os.pread(number, os.fstat(number).st_size, 0).split(b"\0")[:-1]
        merged |= dict(os.fsdecode(entry).split("=", 1) for entry in entries)
    return merged


def with_learnt(environ: "Mapping[str, str]") -> dict[str, str]:
    """Return `environ` with the number of a new memfd for what is learnt; as it is where there can't be one."""
    try:
        return dict(environ) | {LEARNT: str(os.memfd_create(_LEARNT_MEMFD))}
    except OSError:
        return dict(environ)


def learn(secret: str, environ: "Mapping[str, str]" = os.environ) -> None:
    """Tell process 1 a secret that isn't in the environment, if it started this process."""
    number = _learnt(environ)
    if number is not None:
        try:
            os.write(number, os.fsencode(secret) + b"\0")  # all who write share one position in it
        except OSError:
            pass  # no memory left: no reason to fail


def learnt(environ: "Mapping[str, str]") -> list[str]:
    """Return the secrets that were told with `learn`."""
    number = _learnt(environ)
    return [] if number is None else [os.fsdecode(entry) for entry in os.pread(number, _ROOM, 0).split(b"\0")[:-1]]
