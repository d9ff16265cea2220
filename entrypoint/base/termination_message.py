"""The container's termination message, which `kubectl describe pod` shows."""

import os
import stat


MAX_MESSAGE = 4096  # bytes: kubelet keeps no more


def write(path: str, text: str) -> None:
    """Replace the message in the file `path` by `text`.

    Do nothing if the file isn't there, can't be written, or is no plain file.

    A link might lead to another file. Whose it is isn't asked: with user namespaces kubelet's own is nobody's.
    """
    try:
        number = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        status = os.fstat(number)
        if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
            os.ftruncate(number, 0)
            os.write(number, text.encode("utf-8", "backslashreplace")[:MAX_MESSAGE])
    except OSError:
        pass
    finally:
        os.close(number)
