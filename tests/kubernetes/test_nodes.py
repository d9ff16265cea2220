"""Nodes on a cluster: installed from nothing, stopped, hung, drained."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import pytest
from container.containers import unique
from kubernetes.namespace import Namespace
from kubernetes.release import Release, usual
from processes import wait_until


pytestmark = pytest.mark.timeout(1200)  # the first test waits for the images

ASK_WEB = """
import json, sys, urllib.request
for _ in range(int(sys.argv[2])):
    print(json.load(urllib.request.urlopen(sys.argv[1] + "/api/octopusservernodes/ping", timeout=10))["Name"])
"""


@pytest.fixture(scope="module", params=[1, 3])
def nodes(request: pytest.FixtureRequest) -> int:
    """Give the number of nodes."""
    return int(request.param)


@pytest.fixture(scope="module")
def release(node_images: None, nodes: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    """Give a release of that many nodes, all ready."""
    with Namespace(unique("kube")) as namespace:
        yield Release(namespace, tmp_path_factory.mktemp("release")).install(usual(nodes))


@contextmanager
def watched(release: Release, *pods: str) -> Iterator[list[str]]:
    """Collect the names of `pods` that leave ready meanwhile."""
    left: list[str] = []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.5):
            ready = release.nodes.ready()
            left.extend(pod for pod in pods if pod not in ready)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield left
    finally:
        done.set()
        thread.join()


def test_install(release: Release, nodes: int) -> None:
    """From nothing: all are ready, they were started together, one made the schema, none was restarted."""
    pods = release.nodes.pods()
    assert len(pods) == nodes
    started = [datetime.fromisoformat(pod["status"]["startTime"]) for pod in pods]
    assert (max(started) - min(started)).total_seconds() < 10
    assert release.database.migrations() == 1
    assert release.database.violations() == []
    assert [release.nodes.restarts(pod["metadata"]["name"]) for pod in pods] == [0] * nodes


def test_services(release: Release, nodes: int) -> None:
    """Each node's Service answers as that node, the web Service as any."""

    def answers(address: str, times: int) -> set[str]:
        return set(release.namespace.execute("mssql-0", "python3", "-c", ASK_WEB, address, str(times)).split())

    names = {f"octopus-{n}" for n in range(nodes)}
    for name in names:
        assert answers(f"http://{name}", 1) == {name}
    assert answers("http://octopus", 60) == names


def test_a_deleted_pod_ends_its_task_first(release: Release, nodes: int) -> None:
    """A task of 20 s ends as a success, the pod comes back undrained, and the others never leave ready."""
    last = f"octopus-{nodes - 1}"
    others = [f"octopus-{n}" for n in range(nodes - 1)]
    task = release.task(last, 20)
    with watched(release, *others) as left:
        release.namespace.kubectl("delete", "pod", last)
        release.nodes.wait_ready()
    assert left == []
    assert f"{task}\tSuccess" in release.database.query("Id, State", "ServerTask")
    assert release.namespace.execute(last, "octo-node", "probe", "liveness") == "liveness: yes (200)\n"


def test_a_hanging_server_is_restarted(release: Release) -> None:
    """A node whose server stops answering is restarted by the liveness probe, and comes up again."""
    before = release.nodes.restarts("octopus-0")
    release.control("octopus-0", hang_http=True)
    wait_until(lambda: release.nodes.restarts("octopus-0") > before, 240, "octopus-0 is restarted")
    release.control("octopus-0")
    release.nodes.wait_ready()


def test_a_drained_node_is_live(release: Release) -> None:
    """A drained node is not restarted, however long it stays so."""
    before = release.nodes.restarts("octopus-0")
    release.namespace.execute("octopus-0", "octo-node", "drain", "--wait", "30")
    assert release.namespace.execute("octopus-0", "octo-node", "probe", "liveness") == "liveness: yes (418, draining)\n"
    time.sleep(15)  # twice as long as the liveness probe is patient
    assert release.nodes.restarts("octopus-0") == before
    release.namespace.execute("octopus-0", "octo-node", "undrain")
    release.nodes.wait_ready()


def test_sql_server_is_deleted(release: Release) -> None:
    """SQL Server deleted and made anew on the same volume: all nodes are ready again without help."""
    release.namespace.kubectl("delete", "pod", "mssql-0")
    ready = ("wait", "--for=condition=Ready", "pod/mssql-0", "--timeout=5s")
    wait_until(lambda: release.namespace.kubectl(*ready, check=False).returncode == 0, 120, "SQL Server is back")
    release.nodes.wait_ready()
    assert release.database.violations() == []
