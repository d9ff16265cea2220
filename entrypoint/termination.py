"""The container's termination message, which `kubectl describe pod` shows."""

import os

from . import variables


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_MESSAGE = 4096  # bytes: kubelet keeps no more


def write(environ: "Mapping[str, str]", text: str) -> None:
    """Replace the message by `text`; do nothing if the file isn't there or can't be written."""
    path = variables.value_or_default("OCTO_NODE_TERMINATION_LOG", environ)
    try:
        number = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return
    try:
        os.write(number, text.encode("utf-8", "backslashreplace")[:MAX_MESSAGE])
    except OSError:
        pass
    finally:
        os.close(number)
