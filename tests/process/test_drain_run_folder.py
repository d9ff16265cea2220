"""The run folder is only for notes: without it a drain loses nothing, and what it did can be read all the same."""

import os
import re
import shutil

from node import Node
from tasks import drain_that_waits, state, task


def status(node: Node) -> str:
    """Return what `status` prints."""
    return node.verb("status").stdout


def test_the_run_folder_is_gone(node: Node) -> None:
    """Process 1 makes a run folder that was deleted again, when somebody asks, and nothing is missing."""
    shutil.rmtree(node.run_dir)
    assert status(node).startswith("octopus-0 is up since ")
    for path in node.run_dir.iterdir():
        path.unlink()
    running, (done,) = drain_that_waits(node, "--wait", "300")

    assert done.returncode == 0, done.stderr
    assert f"left: {running} Deploy web" in node.log
    assert node.log.count("The run folder was deleted, or emptied, and is made again.") == 1
    assert "wouldn't be noticed" not in done.stderr
    assert state(node, running) == "Success"
    assert node.verb("undrain").returncode == 0
    assert node.state()["phase"] == "up"


def test_the_run_folder_takes_nothing(node: Node) -> None:
    """A drain, and a stop after it, are read in the container's log even if there can't be a run folder."""
    shutil.rmtree(node.run_dir)
    node.run_dir.touch()
    # where a node of another test, without a run folder, may have left its own
    shutil.rmtree(f"/tmp/octo-node-{os.getuid()}", ignore_errors=True)
    running = task(node, 60)
    done = node.verb("drain", "--wait", "1")
    assert done.returncode == 20, done.stderr
    assert "wouldn't be noticed" in done.stderr
    for line in done.stderr.splitlines():
        assert line in node.wait_log(line)
    assert "the run folder" in status(node).splitlines()[0]  # is gone, or gives no answer in time
    node.terminate()
    assert f"{running} Deploy web" in node.termination
    assert "cut off" in node.termination.replace("cuts", "cut")


def test_a_stop_without_a_note(node: Node) -> None:
    """A stop of a node that nobody drained names what runs below the server."""
    task(node, 60, Command=["sleep", "60"])
    assert node.terminate() == 0
    assert re.fullmatch(
        r"The stop may cut off tasks: Octopus.Server still runs .*sleep \(\d+\).*\.", node.termination
    ), node.termination


def test_the_run_folder_cannot_be_written(node: Node) -> None:
    """Lock, intent and note that can't be written (here, a folder stands where each would be) harm no drain."""
    for name in ("drain.lock", "drain.json", "lines", "cut-off"):
        (node.run_dir / name / "in-the-way").mkdir(parents=True)
    running, (done,) = drain_that_waits(node, "--wait", "300")

    assert done.returncode == 0, done.stderr
    assert f"left: {running} Deploy web" in done.stderr
    assert "The request to drain the node can't be recorded." in done.stderr
