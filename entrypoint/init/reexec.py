"""Removes the secrets from process 1's environment, where any script of its user could read them."""

import fcntl
import os
import sys

from entrypoint.base import resource_limits
from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode
from entrypoint.settings import secrets_memfd


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


def execute_without(environ: "Mapping[str, str]") -> None:
    """Execute this program again if `environ` has secrets: without them, and with a descriptor that holds them.

    The pid, the signal mask and pending signals stay. Return only if there is nothing to take out; a descriptor that
    was handed over to us is then inherited by those children only that are given it. Raise NodeError (11) if there is
    no place to hold them.
    """
    public, secrets = secrets_memfd.split(environ)
    if secrets:
        descriptor = _hold(secrets_memfd.pack(secrets))
        os.set_inheritable(descriptor, True)  # noqa: FBT003 - the signature is Python's
        os.execve(sys.executable, sys.orig_argv, public | {secrets_memfd.DESCRIPTOR: str(descriptor)})
    inherited = secrets_memfd.descriptor(environ.get(secrets_memfd.DESCRIPTOR, ""))
    if inherited is not None:
        os.set_inheritable(inherited, False)  # noqa: FBT003 - as above


def _hold(packed: bytes) -> int:
    """Return a descriptor of memory with `packed` in it: a sealed memfd, or where those are refused a nameless file."""
    try:
        return _memfd(packed)
    except OSError as error:
        refusal = resource_limits.reason(error)
    try:
        return _nameless(packed)
    except OSError as error:
        raise NodeError(
            ExitCode.SETTINGS,
            f"The secrets can't be taken out of the environment: memfd_create is refused here ({refusal}), and so is "
            f"a file in {secrets_memfd.SHARED_MEMORY} ({resource_limits.reason(error)}). Allow memfd_create in the "
            f"seccomp profile, mount a tmpfs on {secrets_memfd.SHARED_MEMORY}, or give the secrets as files "
            "(NAME_FILE).",
        ) from error


def _memfd(packed: bytes) -> int:
    number = os.memfd_create(secrets_memfd.MEMFD, os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
    os.write(number, packed)
    fcntl.fcntl(number, fcntl.F_ADD_SEALS, _SEALS)
    return number


def _nameless(packed: bytes) -> int:
    """Return a descriptor to read a file in shared memory that never had a name, and can't be given one (O_EXCL)."""
    flags = os.O_TMPFILE | os.O_EXCL | os.O_CLOEXEC
    writing = os.open(secrets_memfd.SHARED_MEMORY, flags | os.O_WRONLY, 0o600)
    try:
        os.write(writing, packed)
        return os.open(f"/proc/self/fd/{writing}", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(writing)
