"""The process that listens: metrics, health endpoints and a page, for whoever can reach the port.

It has no secret in its memory: what needs one is asked by the observer (`observation.py`).
"""

import os
import threading

from entrypoint.base import prctl, stdio
from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode
from entrypoint.base.listen_address import parse
from entrypoint.settings.base_settings import BaseSettings
from entrypoint.structured_log import logger

from . import listener
from .application import Application
from .observation import Observer
from .probes import Prober
from .server import Server
from .snapshot import Snapshots


FIRST_TO_DIE = 500  # of 1000: where memory runs out, this process goes before the server does


def serve(base: BaseSettings, descriptors: tuple[int, ...]) -> int:
    """Serve until the process is ended; the `descriptors` of the secrets are for the observer.

    Raise NodeError (11) if OCTO_NODE_HTTP is no address and port.
    """
    stdio.fill()
    prctl.hide_memory()
    prctl.name_process("octo-node-http")
    _volunteer()
    log = logger("http", [], base.log_format)
    try:
        host, port = parse(base.http)
    except ValueError as error:
        raise NodeError(ExitCode.SETTINGS, f"OCTO_NODE_HTTP is {base.http!r}, which can't be used: {error}.") from error
    threading.excepthook = _end
    listening = listener.bind(host, port, log)
    prober, observer = Prober(), Observer(descriptors, log)
    prober.start()
    observer.start()
    log.info("Metrics, health endpoints and a page are offered.", address=base.http)
    Server(Application(Snapshots(base, prober, observer), log), listening).run()
    return ExitCode.DONE


def _end(failed: threading.ExceptHookArgs) -> None:
    """End the process with the thread that failed: process 1 starts it again, with all of its threads."""
    try:
        threading.__excepthook__(failed)
    finally:
        os._exit(ExitCode.FAULT)


def _volunteer() -> None:
    """Have the kernel choose this process first where memory runs out."""
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write(str(FIRST_TO_DIE))
    except OSError:
        pass  # a seccomp profile, or an older kernel: then it is one of all
