"""How secrets get from process 1 to the processes that need them: through a memfd, never through an environment.

Process 1 is executed again without them (`init/reexec.py`); preflight, prepare, settle and drain inherit the
descriptor, and its number in `DESCRIPTOR`. Everything else that is started inherits neither.

What they learn themselves, such as a key that was generated, they tell process 1 in the same way (`LEARNT`), so that it
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


def descriptor(number: str) -> int | None:
    """Return the inherited descriptor, whose `number` DESCRIPTOR tells; None if it is none of octo-node's."""
    target, status = _inherited(number)
    if status is None:
        return None
    # what was never given a name is called by its inode
    nameless = (f"{SHARED_MEMORY}/#{status.st_ino} (deleted)", 0, os.geteuid())
    is_ours = target.startswith(f"/memfd:{MEMFD}") or (target, status.st_nlink, status.st_uid) == nameless
    return int(number) if is_ours else None


def learnt_descriptor(number: str) -> int | None:
    """Return the descriptor for what is learnt, whose `number` LEARNT tells; None if it is none of octo-node's."""
    target, _ = _inherited(number)
    return int(number) if target.startswith(f"/memfd:{_LEARNT_MEMFD}") else None


def _inherited(number: str) -> "tuple[str, os.stat_result | None]":
    """Return what descriptor `number` leads to, and its status; nothing if it isn't one."""
    if not number.isdecimal():
        return "", None
    try:
        return os.readlink(f"/proc/self/fd/{number}"), os.fstat(int(number))
    except (OSError, OverflowError, ValueError):
        return "", None


def unpack(descriptor: int | None) -> dict[str, str]:
    """Return the secrets that `descriptor` holds; none if there is none."""
    if descriptor is None:
        return {}
    entries = os.pread(descriptor, os.fstat(descriptor).st_size, 0).split(b"\0")[:-1]
    return dict(os.fsdecode(entry).split("=", 1) for entry in entries)


def make_learnt() -> int | None:
    """Return a new memfd for what is learnt; None where there can't be one."""
    try:
        return os.memfd_create(_LEARNT_MEMFD)
    except OSError:
        return None


def learn(secret: str, learnt: int | None) -> None:
    """Tell process 1 a secret that isn't in the environment, by the descriptor `learnt` if it started this process."""
    if learnt is not None:
        try:
            os.write(learnt, os.fsencode(secret) + b"\0")  # all who write share one position in it
        except OSError:
            pass  # no memory left: no reason to fail


def learnt_secrets(learnt: int | None) -> list[str]:
    """Return the secrets that were passed with `learn`."""
    return [] if learnt is None else [os.fsdecode(entry) for entry in os.pread(learnt, _ROOM, 0).split(b"\0")[:-1]]
