"""`python -m standin.sqlserver`: run the stand-in until it is told to stop."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path

from . import tls
from .server import Account, Server, listen


TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType


def account(text: str) -> Account:
    """Read NAME:PASSWORD or NAME:PASSWORD:nomaster."""
    name, _, password = text.partition(":")
    if password.endswith(":nomaster"):
        return Account(name, password.removesuffix(":nomaster"), no_master=True)
    return Account(name, password)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="standin.sqlserver", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any that is free")
    parser.add_argument("--data", type=Path, required=True, help="folder of the databases and of control.json")
    parser.add_argument("--login", type=account, action="append", help="NAME:PASSWORD[:nomaster]")
    parser.add_argument("--tls", choices=("off", "on", "required"), default="off")
    parser.add_argument("--certificate-name", default="localhost", help="the host name in the certificate that is made")
    parser.add_argument("--tls-version", choices=tls.VERSIONS, default="1.2", help="the only one, before TDS 8")
    parser.add_argument("--no-tds8", action="store_true", help="as before SQL Server 2022")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before the port is opened")
    parser.add_argument("--verbose", action="store_true")
    return parser.parse_args()


def stop(_number: int, _frame: FrameType | None) -> None:
    """End at once: SQLite's files are whole at any moment."""
    sys.stdout.flush()
    os._exit(0)


def main() -> None:
    """Open the port, say so, and serve."""
    options = arguments()
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    logins = options.login or [Account("sa", "Passw0rd!")]
    tls.prepare(options.data, options.certificate_name)
    server = Server(options.data, logins, options.tls, verbose=options.verbose)
    server.speaks_tds8 = not options.no_tds8
    server.contexts.version = options.tls_version
    time.sleep(options.delay)
    listener = listen(options.host, options.port)
    print(f"listening {options.host}:{listener.getsockname()[1]}", flush=True)
    server.serve(listener)


if __name__ == "__main__":
    main()
