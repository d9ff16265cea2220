"""The makers' image as it is: no Python, no shell, user 1001. One octo-node image serves every version of it."""

from typing import Any

import pytest
from container import images
from kubernetes.release import NEW, OLD, Release, usual


pytestmark = pytest.mark.timeout(1800)  # the first test waits for the images


def makers(version: str, nodes: int = 1) -> dict[str, Any]:
    """Return the values of a release with the makers' image of a version, and octo-node's own image."""
    values = usual(nodes, version)
    values["octoNode"] = {"image": {"repository": images.OWN, "tag": "latest", "pullPolicy": "Never"}}
    values["octopus"]["image"] = {"repository": images.OCTOPUS, "tag": f"{version}-hardened", "pullPolicy": "Never"}
    return values


@pytest.fixture(scope="module", autouse=True)
def makers_images(node_images: None) -> None:
    """Make the images."""
    images.own()
    for version in (OLD, NEW):
        images.hardened(version)


def test_two_versions_with_one_octo_node(fresh: Release) -> None:
    """Both run unchanged, the second upgrades the first; each pod is brought octo-node by its init container."""
    fresh.install(makers(OLD, nodes=2))
    for tool in ("sh", "python3"):
        assert fresh.namespace.kubectl("exec", "octopus-0", "--", tool, check=False).returncode != 0
    fresh.upgrade(makers(NEW, nodes=2))
    fresh.nodes.wait_ready()
    assert fresh.database.migrations() == 2
    assert fresh.database.violations() == []
    assert [fresh.nodes.restarts(f"octopus-{n}") for n in range(2)] == [0, 0]
    for pod in fresh.nodes.pods():
        (installer,) = pod["status"]["initContainerStatuses"]
        assert installer["state"]["terminated"]["exitCode"] == 0
    status = fresh.namespace.execute("octopus-0", "/opt/octo-node/bin/octo-node", "status")
    assert " is up since " in status


def test_any_user_of_group_0(fresh: Release) -> None:
    """As on OpenShift: a high uid that no image knows, group 0, and an fsGroup of the cluster's."""
    values = makers(OLD)
    values["openshift"] = True
    for section in ("octopus", "mssql"):  # what the cluster gives there, which the chart leaves to it
        values[section]["containerSecurityContext"] = {"runAsUser": 1000680000, "runAsGroup": 0}
        values[section]["podSecurityContext"] = {"fsGroup": 1000680000}
    fresh.install(values)
    fresh.helm("test", "octopus", "--timeout", "3m")
    assert fresh.nodes.restarts("octopus-0") == 0
