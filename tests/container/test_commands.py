"""Any other command in the image runs below octo-node, as process 1."""

import os
import pty
import select
import subprocess
import time

import pytest
from container.containers import ORPHANS, Node, unique
from container.engine import docker


pytestmark = pytest.mark.timeout(900)  # the first test waits for the images


def test_command(image: str) -> None:
    """`docker run IMAGE COMMAND` runs it, with its output and exit code, below octo-node."""
    script = "echo to stdout; tr '\\0' ' ' </proc/1/cmdline; exit 7"
    done = docker("run", "--rm", image, "sh", "-c", script, check=False)
    assert done.returncode == 7
    assert done.stdout.startswith("to stdout\n/opt/octo-node/bin/python3 -IS /usr/local/bin/octo-node sh -c")
    assert docker("run", "--rm", image, "no-such-command", check=False).returncode == 127
    assert docker("run", "--rm", image, "/etc/passwd", check=False).returncode == 126


def test_terminal(image: str) -> None:
    """`docker run -it IMAGE bash` gives a shell with job control, and its exit code."""
    name = unique("terminal")
    ours, theirs = pty.openpty()
    command = ["docker", "run", "--rm", "-it", "--name", name, image, "bash", "--norc"]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    try:
        said = _talk(ours, "# ")
        os.write(ours, b"sleep 60 & jobs; kill %1; echo answer $((6*7))\n")
        said += _talk(ours, "answer 42")
        os.write(ours, b"exit 3\n")
        assert process.wait(30) == 3
    finally:
        docker("rm", "--force", name, check=False)
        os.close(ours)
    assert "[1]+" in said
    assert "no job control" not in said


def _talk(terminal: int, until: str) -> str:
    """Return what is said on a terminal, up to some words. Raise AssertionError if they don't come."""
    said, deadline = "", time.monotonic() + 30
    while until not in said:
        assert time.monotonic() < deadline, said
        if select.select([terminal], [], [], 0.1)[0]:
            said += os.read(terminal, 4096).decode(errors="replace")
    return said


@pytest.mark.parametrize("command", [(), ("init", "--", "sleep", "60")])
def test_orphans(image: str, network: str, command: tuple[str, ...], request: pytest.FixtureRequest) -> None:
    """200 orphans leave no zombie, below a node as below any command."""
    if not command:
        request.getfixturevalue("sql")
    with Node(image, network) as node:
        node.start(*command)
        if not command:
            node.wait_up()
        counted = node.execute("python3", "-c", ORPHANS)
        assert counted.endswith(" 0 zombies\n"), counted


def test_stop_of_a_command(image: str) -> None:
    """`docker stop` of a command is its own signal, and not ten seconds and KILL."""
    name = unique("command")
    docker("run", "--detach", "--name", name, image, "sleep", "60")
    begun = time.monotonic()
    docker("stop", "--time=30", name)
    assert time.monotonic() - begun < 15
    assert docker("inspect", "--format={{.State.ExitCode}}", name).stdout.strip() == "143"
    docker("rm", name)
