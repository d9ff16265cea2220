"""The database's password is changed under running nodes, in the order of docs/kubernetes.md."""

from functools import partial

import pytest
from container import containers
from kubernetes.release import Release, usual
from processes import wait_until


pytestmark = pytest.mark.timeout(1200)  # the first test waits for the images
PASSWORD = "An0ther-Passw0rd!"
FILE = "/run/secrets/octopus/connectionstring"


def has_new(release: Release, pod: str) -> bool:
    """Return whether a pod's file has the new password."""
    return PASSWORD in release.namespace.execute(pod, "cat", FILE)


def is_ready(release: Release, pod: str) -> bool:
    """Return whether a node is ready."""
    return pod in release.nodes.ready()


def test_with_one_login(fresh: Release) -> None:
    """The new password reaches the pods' files, then SQL Server, then the nodes, one by one: all are ready again."""
    fresh.install(usual(2))
    values = usual(2)
    values["mssql"]["SA_PASSWORD"] = PASSWORD
    old = values["octopus"]["databaseConnectionString"]
    values["octopus"]["databaseConnectionString"] = old.replace(containers.PASSWORD, PASSWORD)
    fresh.set("upgrade", values)
    names = ("octopus-0", "octopus-1")
    for name in names:
        wait_until(partial(has_new, fresh, name), 180, "the file is new")
    # the stand-in has no ALTER LOGIN: it takes the password from its Secret when it starts
    fresh.namespace.kubectl("delete", "pod", "mssql-0")
    ready = ("wait", "--for=condition=Ready", "pod/mssql-0", "--timeout=5s")
    wait_until(lambda: fresh.namespace.kubectl(*ready, check=False).returncode == 0, 120, "SQL Server is back")
    for name in names:
        fresh.namespace.kubectl("delete", "pod", name, seconds=300)
        wait_until(partial(is_ready, fresh, name), 240, f"{name} is ready")
    assert sorted(fresh.nodes.ready()) == sorted(names)
