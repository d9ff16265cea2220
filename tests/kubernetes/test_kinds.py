"""Kinds of nodes besides the usual one."""

import pytest
from kubernetes.release import Release, usual


pytestmark = pytest.mark.timeout(1200)  # the first test waits for the images


def test_nodes_for_the_web_portal(fresh: Release) -> None:
    """They are nodes like the others, but run no task; each is ready."""
    values = usual(1)
    values["octopus"]["uiOnly"] = {"replicaCount": 2}
    fresh.install(values)
    assert sorted(fresh.nodes.ready()) == ["octopus-0", "octopus-ui-0", "octopus-ui-1"]
    caps = fresh.database.query("Name, MaxConcurrentTasks", "OctopusServerNode")
    assert sorted(caps) == ["octopus-0\t5", "octopus-ui-0\t0", "octopus-ui-1\t0"]


def test_docker_in_docker(fresh: Release) -> None:
    """A node with Docker-in-Docker has an engine of its own, and again after its pod was replaced."""
    values = usual(1)
    values["octopus"]["enableDockerInDocker"] = True
    fresh.install(values)
    fresh.namespace.execute("octopus-0", "docker", "info")
    fresh.nodes.replace()
    fresh.nodes.wait_ready()
    fresh.namespace.execute("octopus-0", "docker", "info")
