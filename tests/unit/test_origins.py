"""Who made a pod with the Helm chart is told its values, besides the variables."""

import json
import os
import subprocess

import pytest
from processes import OCTO_NODE, ROOT


VALUES = "MASTER_KEY=octopus.masterKey,TASK_CAP=octopus.taskCap,DB_CONNECTION_STRING=octopus.databaseConnectionString"
WRONG = {
    "ACCEPT_EULA": "Y",
    "DISABLE_DIND": "Y",
    "OCTO_NODE_VALUES": VALUES,
    "MASTER_KEY": "no key",
    "OCTO_NODE_SQL_WAIT": "soon",
    "DB_CONNECTION_STRING": "Server=db;Database=Octopus;User Id=sa;Password='x-x-x-x'",
    "TASK_CAPS": "5",
}


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a verb in an environment where much is wrong."""
    environ = {"PATH": os.environ["PATH"]} | WRONG
    return subprocess.run(
        [*OCTO_NODE, *words], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False
    )


def only(sentences: list[str], name: str) -> str:
    """Return the one sentence that begins with a name, or names it."""
    (found,) = [sentence for sentence in sentences if name in sentence]
    return found


def test_errors_and_warnings() -> None:
    """Each sentence of preflight that names variables is followed by the values that give them, and no other is."""
    lines = run("preflight").stderr.splitlines()
    assert only(lines, "MASTER_KEY").endswith(" (In the chart's values, MASTER_KEY is octopus.masterKey.)")
    assert only(lines, "TASK_CAPS").endswith(" (In the chart's values, TASK_CAP is octopus.taskCap.)")
    assert "In the chart's values" not in only(lines, "OCTO_NODE_SQL_WAIT")


@pytest.mark.parametrize("words", [("check",), ("check", "--json")])
def test_check(words: tuple[str, ...]) -> None:
    """`check` tells the same."""
    done = run(*words)
    sentences = done.stdout.splitlines()
    if "--json" in words:
        found = json.loads(done.stdout)
        sentences = [each["problem"] for each in found["problems"]] + found["warnings"]
    assert only(sentences, "MASTER_KEY").endswith(" (In the chart's values, MASTER_KEY is octopus.masterKey.)")
    assert only(sentences, "TASK_CAPS").endswith(" (In the chart's values, TASK_CAP is octopus.taskCap.)")
