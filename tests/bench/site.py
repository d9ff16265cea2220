"""A node of stand-ins to boot: a SQL Server, an Octopus.Server, and a folder for all it writes."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from processes import free_port, whole_lines
from standin.octopus.install import install
from standin.sqlserver.testing import SqlServer

from .namespaces import OCTO_NODE, TAIL, Namespace, T, wait_for


# EPOCHREALTIME is read without a process: the commands' own time is what lies between the two
_LAUNCHER = """#!/bin/bash
begin=$EPOCHREALTIME
if [ "$1" = run ]; then
  echo "run $begin $begin" >>{stamps}
  exec ${{BENCH_RECEIVER:-{real}}} "$@"
fi
{real} "$@"
code=$?
echo "$1 $begin $EPOCHREALTIME" >>{stamps}
exit $code
"""
Command = tuple[str, float, float]  # the verb, and when it began and ended


class Site:
    """The stand-ins of one node, and what they leave."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="octo-node-bench-"))
        self.log = self.folder / "log"
        self.port = free_port()
        self.sql = SqlServer(self.folder / "sql", free_port(), tls="off")
        self.server = self.folder / "Octopus" / "Octopus.Server"
        self._stamps = self.folder / "stamps"
        real = install(self.folder / "Real")
        self.server.parent.mkdir()
        self.server.write_text(_LAUNCHER.format(real=real, stamps=self._stamps))
        self.server.chmod(0o755)
        self.clean()

    def clean(self) -> None:
        """Forget all boots and the database; SQL Server must not be running."""
        for name in ("root", "run", "sql"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        (self.folder / "root").mkdir()
        for name in ("stamps", "journal", "control"):
            (self.folder / name).write_text("")

    @property
    def environ(self) -> dict[str, str]:
        """The container's environment."""
        return {
            "PATH": os.environ["PATH"],
            "ACCEPT_EULA": "Y",
            "ADMIN_API_KEY": "API-BENCHBENCHBENCH",
            "ADMIN_PASSWORD": "S3cret-admin!",
            "ADMIN_USERNAME": "admin",
            "DB_CONNECTION_STRING": self.sql.connection_string("OctopusDeploy"),
            "DISABLE_DIND": "Y",
            "OCTOPUS_SERVER_NODE_NAME": "octopus-0",
            "OCTO_NODE_ROOT": str(self.folder / "root"),
            "OCTO_NODE_RUN_DIR": str(self.folder / "run"),
            "OCTO_NODE_SERVER_DIR": str(self.server.parent),
            "OCTO_NODE_WEB_PORT": str(self.port),
            "STANDIN_OCTOPUS_CONTROL": str(self.folder / "control"),
            "STANDIN_OCTOPUS_JOURNAL": str(self.folder / "journal"),
            "STANDIN_OCTOPUS_ROOT": str(self.folder / "root"),
            "STANDIN_OCTOPUS_LICENSE_REQUIRED": "false",
            "TASK_CAP": "3",
        }

    def boot(self, **environ: str) -> Namespace:
        """Start the node."""
        shutil.rmtree(self.folder / "run", ignore_errors=True)
        self.log.unlink(missing_ok=True)
        return Namespace([*OCTO_NODE, "run"], self.environ | environ, errors=self.log)

    def state(self, name: str) -> dict[str, Any]:
        """Return a state file of the node, empty if it isn't there."""
        try:
            found = json.loads((self.folder / "run" / f"{name}.json").read_text())
        except FileNotFoundError:
            return {}
        return dict(found)

    def wait_until_up(self, node: Namespace) -> None:
        """Return once the node says that it is up. Raise RuntimeError, with the end of its log, if it ends."""

        def is_up() -> bool:
            node.check()
            return self.state("node").get("phase") == "up"

        self.wait_for(is_up, "a node that is up")

    def wait_for(self, what: Callable[[], T | None], why: str) -> T:
        """As `wait_for`, with the end of the node's log in the error."""
        try:
            return wait_for(what, why)
        except TimeoutError as error:
            raise TimeoutError(f"{error}. {self.log.read_text('utf-8', 'replace')[-TAIL:]}") from None

    def control(self, **keys: object) -> None:
        """Tell the stand-in Octopus.Server how to behave from now on."""
        new = self.folder / "control.new"
        new.write_text(json.dumps(keys))
        new.replace(self.folder / "control")

    def journal(self, event: str = "start") -> list[dict[str, Any]]:
        """Return what the stand-in wrote down of the starts, or ends, of its commands."""
        lines = [json.loads(line) for line in whole_lines(self.folder / "journal")]
        return [line for line in lines if line["event"] == event]

    def commands(self) -> list[Command]:
        """Return the processes of Octopus.Server that were started: verb, and when each began and ended."""
        lines = [line.split() for line in self._stamps.read_text().splitlines()]
        return [(verb, float(begin), float(end)) for verb, begin, end in lines]

    def __enter__(self) -> Self:
        """Be a context with a SQL Server that runs."""
        self.sql.launch()
        return self

    def __exit__(self, *_: object) -> None:
        """End it and take everything away."""
        self.sql.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
