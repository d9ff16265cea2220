"""SQL Server frozen under three nodes, with the probes of the chart; and a server that hangs, killed for it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest
from container.containers import unique
from container.engine import docker
from kubernetes.namespace import Namespace
from kubernetes.release import Release, usual
from processes import wait_until


pytestmark = pytest.mark.timeout(1800)  # five minutes of them frozen

NODES = 3
STALLS = (65, 300)  # seconds; a failover of SQL Server's takes about the first, a restart of its machine the second
AFTERWARDS = 60  # seconds for which a task outlasts the stall: liveness probes that failed would have acted by then
FINISHED = "Success"


@pytest.fixture(scope="module")
def release(node_images: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    """Give three nodes with the chart's own probes."""
    values = usual(NODES)
    del values["octopus"]["probes"]
    with Namespace(unique("kube")) as namespace:
        yield Release(namespace, tmp_path_factory.mktemp("release")).install(values)


@contextmanager
def frozen(namespace: Namespace) -> Iterator[None]:
    """Freeze the processes of SQL Server; its port still takes connections."""
    labels = {"pod.namespace": namespace.name, "pod.name": "mssql-0", "container.name": "mssql"}
    filters = [f"--filter=label=io.kubernetes.{name}={value}" for name, value in labels.items()]
    container = docker("ps", "--quiet", *filters).stdout.strip()
    docker("pause", container)
    try:
        yield
    finally:
        docker("unpause", container)


def restarts(release: Release) -> list[int]:
    """Return how often each node's container was restarted."""
    return [release.nodes.restarts(f"octopus-{n}") for n in range(NODES)]


@pytest.mark.parametrize("seconds", STALLS)
def test_a_stall_restarts_no_node_and_cuts_no_task(release: Release, seconds: int) -> None:
    """However long SQL Server is frozen: no node is restarted, each one's running task ends as a success."""
    before = restarts(release)
    running = [release.task(f"octopus-{n}", seconds + AFTERWARDS) for n in range(NODES)]
    with frozen(release.namespace):
        time.sleep(seconds)
    release.nodes.wait_ready()

    def states() -> dict[str, str]:
        rows = (row.split("\t") for row in release.database.query("Id, State", "ServerTask") if "\t" in row)
        return {task: state for task, state in rows if task in running}

    wait_until(lambda: "Executing" not in states().values(), 2 * AFTERWARDS + 120, "the tasks end")
    assert states() == dict.fromkeys(running, FINISHED)
    assert restarts(release) == before


def test_a_kill_by_the_liveness_probe_ends_in_its_time(node_images: None, tmp_path: Path) -> None:
    """A node whose server hangs beside a task: the drain, the stop and what is cut off fit into the pod's grace.

    What `kubectl describe` says of the last container names the task.
    """
    with Namespace(unique("kube")) as namespace:
        release = Release(namespace, tmp_path).install(usual(1))
        (pod,) = release.nodes.pods()
        task = release.task("octopus-0", 3600)
        release.control("octopus-0", hang_http=True, ignore_cancel=True)
        wait_until(lambda: release.nodes.restarts("octopus-0"), 400, "octopus-0 is restarted")
        last = release.nodes.states("octopus-0")[0]["terminated"]
        events = namespace.objects("event")

    killed = min(
        datetime.fromisoformat(event["firstTimestamp"])
        for event in events
        if event["reason"] == "Killing" and "liveness" in event["message"]
    )
    took = (datetime.fromisoformat(last["finishedAt"]) - killed).total_seconds()
    assert took < pod["spec"]["terminationGracePeriodSeconds"] - 1, last
    assert last["exitCode"] != 137, last
    assert task in last["message"], last
