"""The transcripts in the documents: what real nodes say on a terminal of 80 columns, and on a pipe.

`scripts/transcripts` writes them into docs/, between `<!-- transcript: NAME -->` and the end of the block that follows;
with --check it compares them. Numbers and times are those of one run, so they aren't compared.
"""

import argparse
import difflib
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from node import Node
from processes import OCTO_NODE, ROOT, enter, wait_until
from standin.sqlserver.testing import SqlServer
from tasks import task
from terminal import Terminal


DOCS = ROOT / "docs"
HANGING_SECONDS = 4.0  # for what answers, where something doesn't
KEY = {"MASTER_KEY": "6EdU6IWsCtMEwk0kPKflQQ=="}
_BLOCK = re.compile(r"(<!-- transcript: ([\w-]+) -->\n```\n)(.*?)(```\n)", re.DOTALL)
_STEP = re.compile(
    r"^ +(preflight|sql|guard|commands|server) +\d+\.\d s.*\n", re.MULTILINE
)  # one that took no time isn't shown
_GROUP = {  # a control group, in both versions of the files
    "memory.current": 1 << 30,
    "memory.max": 8 << 30,
    "memory.peak": 3 << 29,
    "cpu.max": "200000 100000",
    "cpu.stat": "usage_usec 93000000",
    "memory/memory.usage_in_bytes": 1 << 30,
    "memory/memory.limit_in_bytes": 8 << 30,
    "memory/memory.max_usage_in_bytes": 3 << 29,
    "cpu/cpu.cfs_quota_us": 200000,
    "cpu/cpu.cfs_period_us": 100000,
    "cpuacct/cpuacct.usage": 93 * 10**9,
}
_DURATION = re.compile(r"\d+(\.\d+)? (d|h|min|s|ms|bytes|[KMG]iB)\b( \d+ (h|min|s)\b)?")


class Recorder:
    """Records what commands say."""

    def __init__(self, *replaced: tuple[str, str]) -> None:
        self.found: dict[str, str] = {}
        self._replaced = replaced

    def screen(self, name: str, node: Node, *words: str, until: str = "", seconds: float = 60.0) -> str:
        """Record the screen of `octo-node WORDS`, when it has ended or when it shows `until`.

        A `status` is given the `seconds`: this machine may be busy, and every line is to be there.
        """
        patience = [f"--timeout={seconds}"] if words[0] == "status" else []
        terminal = Terminal([*_beside(node), *OCTO_NODE, *words, *patience], _environ(node))
        try:
            shown = terminal.wait(lambda text: until in text) if until else terminal.end()
        finally:
            terminal.close()
        return self._keep(name, words, shown)

    def pipe(self, name: str, node: Node, *words: str, once: str = "", do: Callable[[], None] = print) -> str:
        """Record what `octo-node WORDS` writes to a pipe; once it has written `once`, `do` something."""
        with subprocess.Popen(
            [*_beside(node), *OCTO_NODE, *words],
            env=_environ(node),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            lines = []
            for line in process.stdout or ():
                lines.append(line)
                if once and once in line:
                    do()
        return self._keep(name, words, "".join(lines).rstrip("\n"))

    def _keep(self, name: str, words: tuple[str, ...], text: str) -> str:
        for here, anywhere in self._replaced:
            text = text.replace(here, anywhere)
        self.found[name] = f"$ octo-node {shlex.join(words)}\n{text}\n"
        return text


def _beside(node: Node) -> list[str]:
    runs = node.process is not None and node.process.poll() is None
    return enter(node.pid) if runs else []


def _environ(node: Node) -> dict[str, str]:
    return {name: value for name, value in node.environment.items() if value} | {"NO_COLOR": "1"}


def record(folder: Path) -> dict[str, str]:
    """Return the transcripts of a node's life, by name; it takes place in `folder`."""
    with _cluster(folder) as (sql, node, other):
        recorder = Recorder(
            (f"127.0.0.1,{sql.port}", "db,1433"),
            (f"localhost:{node.port}", "localhost:8080"),
            (f"{node.folder}/Octopus/", "/Octopus/"),
            (str(node.root), ""),
        )
        _explain(recorder, node)
        _check(recorder, node)
        _boot(recorder, sql, node, other)
        recorder.pipe("check-up", node, "check", "--commands")
        _drain(recorder, node, other)
        _trouble(recorder, sql, node)
        _ends(recorder, node)
    return recorder.found


@contextmanager
def _cluster(folder: Path) -> Iterator[tuple[SqlServer, Node, Node]]:
    """Give a SQL Server and two nodes of one database that aren't started."""
    with (
        SqlServer.start(folder / "sql", tls="off") as sql,
        Node(folder / "one", sql, STANDIN_OCTOPUS_POLL="0.2", **KEY) as node,
        Node(folder / "two", sql, OCTOPUS_SERVER_NODE_NAME="octopus-1", TASK_CAP="0", **KEY) as other,
    ):
        for name, value in _GROUP.items():
            path = node.root / "sys/fs/cgroup" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{value}\n")
        yield sql, node, other


def _explain(recorder: Recorder, node: Node) -> None:
    recorder.pipe("explain-code", node, "explain", "20")
    recorder.pipe("explain-variable", node, "explain", "TASK_CAP")
    recorder.pipe("explain-symptom", node, "explain", "stay", "queued")


def _check(recorder: Recorder, node: Node) -> None:
    recorder.pipe("check", node, "check")
    with _changed(node, TASK_CAP="many", OCTO_NODE_SQLWAIT="60", MASTER_KEY="c2hvcnQ="):
        recorder.pipe("check-refused", node, "check")


def _boot(recorder: Recorder, sql: SqlServer, node: Node, other: Node) -> None:
    other.start().wait_phase("up")
    sql.kill()
    node.start()
    wait_until(lambda: "refused" in str(node.state("prepare").get("doing")), what="SQL Server is waited for")
    recorder.screen("waiting", node, "status")
    sql.launch()
    node.wait_phase("up")


def _drain(recorder: Recorder, node: Node, other: Node) -> None:
    gate = node.folder / "gate"
    held = f"until test -e {shlex.quote(str(gate))}; do sleep 0.05; done"
    task(node, 600, Command=["sh", "-c", held])
    recorder.screen("up", node, "status")
    recorder.screen("drain", node, "drain", "--wait", "300", until="time left")
    recorder.screen("draining", node, "status")
    recorder.pipe("drained", node, "drain", "--wait", "300", once="1 task running", do=gate.touch)
    recorder.screen("undrain", node, "undrain")
    recorder.screen("alive", node, "nodes", "remove", "octopus-1")
    assert other.terminate() == 0
    recorder.screen("misspelt", node, "nodes", "remove", "octopus-l")
    recorder.screen("nodes", node, "nodes")
    recorder.screen("removed", node, "nodes", "remove", "octopus-1")


def _trouble(recorder: Recorder, sql: SqlServer, node: Node) -> None:
    assert sql.process is not None, "it runs"
    os.kill(sql.process.pid, signal.SIGSTOP)
    try:
        recorder.screen("trouble", node, "status", seconds=HANGING_SECONDS)
    finally:
        os.kill(sql.process.pid, signal.SIGCONT)
    recorder.pipe("server", node, "server", "list-instances")


def _ends(recorder: Recorder, node: Node) -> None:
    assert node.terminate() == 0, node.log
    recorder.screen("ended", node, "status")
    with _changed(node, OCTO_NODE_HOLD="Y"):
        node.start().wait_phase("held")
        recorder.screen("held", node, "status")
        recorder.pipe("held-probes", node, "probe", "liveness")
        assert node.terminate() == 143, node.log
    with _changed(node, TASK_CAP="many"):
        assert node.start().wait() == 11
        recorder.screen("failed", node, "status")


@contextmanager
def _changed(node: Node, **environ: str) -> Iterator[None]:
    before = node.environment
    node.environment = before | environ
    try:
        yield
    finally:
        node.environment = before


def comparable(text: str) -> str:
    """Return a transcript without what differs from run to run, a word a line."""
    told = re.sub(r"[█#]+", "#", _DURATION.sub("0 s", _STEP.sub("", text)))
    return "\n".join(re.sub(r"\d+", "0", told).split()) + "\n"


def blocks(text: str) -> dict[str, str]:
    """Return the transcripts in a document, by name."""
    return {match[2]: match[3] for match in _BLOCK.finditer(text)}


def written(text: str, found: Mapping[str, str]) -> str:
    """Return a document with its transcripts replaced by those that were `found`."""
    return _BLOCK.sub(lambda match: f"{match[1]}{found[match[2]]}{match[4]}", text)


def differences(found: Mapping[str, str]) -> list[str]:
    """Return how the documents' transcripts differ from those that were `found`."""
    lines: list[str] = []
    for path in sorted(DOCS.glob("*.md")):
        for name, text in blocks(path.read_text()).items():
            here, there = comparable(text), comparable(found.get(name, ""))
            lines += difflib.unified_diff(
                here.split("\n"), there.split("\n"), f"{path.name}: {name}", "now", lineterm=""
            )
    return lines


def main() -> int:
    """Record, and write the documents or compare them; return 1 if they differ."""
    parser = argparse.ArgumentParser("scripts/transcripts", description="Make the transcripts in the documents.")
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 if one isn't up to date")
    only_check = parser.parse_args().check
    with tempfile.TemporaryDirectory(prefix="octo-node-transcripts-") as folder:
        found = record(Path(folder))
    if only_check:
        lines = differences(found)
        print(*lines, sep="\n", end="\n" if lines else "")
        return 1 if lines else 0
    for path in DOCS.glob("*.md"):
        text = path.read_text()
        if blocks(text):
            path.write_text(written(text, found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
