"""Take the secrets out of process 1's environment, where any script of its user could read them."""

import fcntl
import os
import sys

from entrypoint import handover


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


def execute_without(environ: "Mapping[str, str]") -> None:
    """Execute this program again if `environ` has secrets: without them, and with a memfd that holds them.

    The pid, the signal mask and pending signals stay. Return only if there is nothing to take out; a memfd that
    was handed over to us is then inherited by those children only that are given it.
    """
    public, secrets = handover.split(environ)
    if secrets:
        memfd = os.memfd_create(handover.MEMFD, os.MFD_ALLOW_SEALING)
        os.write(memfd, handover.pack(secrets))
        fcntl.fcntl(memfd, fcntl.F_ADD_SEALS, _SEALS)
        os.execve(sys.executable, sys.orig_argv, public | {handover.DESCRIPTOR: str(memfd)})
    inherited = handover.descriptor(environ)
    if inherited is not None:
        os.set_inheritable(inherited, False)  # noqa: FBT003 - the signature is Python's
