"""A process that waits for SQL Server with one ODBC driver, as prepare does."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import odbcini


ROOT = Path(__file__).resolve().parents[1]
CLIENT = """
import json, sys, time
from entrypoint.base.errors import NodeError
from entrypoint.sqlserver import connection_string, wait

def say(**told):
    print(json.dumps(told), flush=True)

class Log:
    def __getattr__(self, level):
        return lambda event, **fields: say(level=level, event=event, **fields)

text, seconds, pause = json.loads(sys.argv[1])
begun = time.monotonic()
say(level="begun")
try:
    parsed = connection_string.parse(text)
    publish = lambda reason, since: say(level="publish", reason=reason, since=since)
    ready = wait.wait_until_ready(parsed, seconds, Log(), publish, login_pause=pause)
    said = {"code": 0, "exists": ready.database_exists, "master": ready.master_ok}
    if ready.connection:
        said["database"] = ready.connection.execute("SELECT DB_NAME()").fetchval()
except NodeError as error:
    said = {"code": int(error.code), "sentence": str(error)}
say(level="end", took=time.monotonic() - begun, **said)
"""


def with_hosts(path: Path, lines: str) -> list[str]:
    """Return a command that runs another one where /etc/hosts has `lines`, which are put into the file `path`."""
    path.write_text(lines)
    isolated = ["unshare", *([] if os.getuid() == 0 else ["-Ur"]), "-m"]
    return [*isolated, "sh", "-c", f'mount --bind {path} /etc/hosts && exec "$@"', "sh"]


class Client:
    """A process that waits for SQL Server with one driver. Attribute: `above`, a command that runs it."""

    def __init__(self, folder: Path, driver: str) -> None:
        self.above: list[str] = []
        self.environment = os.environ | {"PYTHONPATH": str(ROOT)} | odbcini.environment(folder, [driver])

    def start(self, text: str, wait: float = 10, pause: float = 0.1) -> subprocess.Popen[str]:
        """Start to wait with connection string `text`; return once it waits."""
        process = subprocess.Popen(
            [*self.above, sys.executable, "-c", CLIENT, json.dumps([text, wait, pause])],
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert json.loads(process.stdout.readline()) == {"level": "begun"}
        return process

    def run(self, text: str, wait: float = 10, pause: float = 0.1) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Wait with connection string `text`; return how it ended, and what was told before."""
        return ended(self.start(text, wait, pause))


def ended(process: subprocess.Popen[str]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return how `process` ended, and what it told before."""
    assert process.stdout is not None
    # not `communicate`: that passes over what `readline` has in its buffer
    with process.stdout:
        output = process.stdout.read()
    process.wait()
    *lines, last = map(json.loads, output.splitlines())
    assert "Passw0rd!" not in output
    return last, lines


def reasons(lines: list[dict[str, Any]]) -> list[str]:
    """Return the reasons that were published."""
    return [line["reason"] for line in lines if line["level"] == "publish"]
