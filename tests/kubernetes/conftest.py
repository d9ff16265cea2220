"""What the tests on a cluster share: images, and releases of the chart."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from container.containers import unique
from kubernetes import cluster, release
from kubernetes.namespace import Namespace
from kubernetes.release import Release
from leftout import leave_out


HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without a cluster skip these tests in one line, unless one is required: then each fails."""
    if any(item.path.is_relative_to(HERE) for item in items) and not (cluster.is_required() or cluster.is_there()):
        leave_out(config, items, HERE, f"{cluster.MISSING}: {{}} tests on Kubernetes are left out")


@pytest.fixture(scope="session", autouse=True)
def node_images() -> None:
    """Need a cluster, and make the images."""
    if not cluster.is_there():
        pytest.fail(cluster.MISSING)
    release.build_images()


@pytest.fixture
def fresh(node_images: None, tmp_path: Path) -> Iterator[Release]:
    """Give a release that isn't installed yet."""
    with Namespace(unique("kube")) as namespace:
        yield Release(namespace, tmp_path)
