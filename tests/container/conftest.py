"""What the container tests share: an engine, images, a private network with a SQL Server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from container import engine, images
from container.containers import Sql, unique
from leftout import leave_out
from processes import slowness


HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without a Docker engine skip these tests in one line, unless one is required: then each fails."""
    if any(item.path.is_relative_to(HERE) for item in items) and not (engine.is_required() or engine.is_there()):
        leave_out(config, items, HERE, f"{engine.MISSING}: {{}} container tests are left out")
        return
    for item in items:
        if item.path.is_relative_to(HERE):
            marker = item.get_closest_marker("timeout")
            limit = marker.args[0] if marker else float(config.getini("timeout"))
            item.add_marker(pytest.mark.timeout(limit * slowness()), append=False)


@pytest.fixture(scope="session", autouse=True)
def docker_engine() -> None:
    """Need a Docker engine."""
    if not engine.is_there():
        pytest.fail(engine.MISSING)


@pytest.fixture(scope="session")
def image(docker_engine: None) -> str:
    """Build the image, over what stands for Octopus's."""
    return images.node(images.octopus())


@pytest.fixture(scope="session")
def own_image(docker_engine: None) -> str:
    """Build the image that has octo-node and nothing else."""
    return images.own()


@pytest.fixture(scope="session")
def makers_images(docker_engine: None) -> None:
    """Build what stands for the makers' images: Octopus's, and two versions of the hardened one."""
    images.octopus()
    for version in images.VERSIONS:
        images.hardened(version)


@pytest.fixture(scope="session")
def sql_image(docker_engine: None) -> str:
    """Build what stands for SQL Server's image."""
    return images.sqlserver()


@pytest.fixture
def network(docker_engine: None) -> Iterator[str]:
    """Give a private network."""
    with engine.network(unique("net")) as name:
        yield name


@pytest.fixture
def sql(sql_image: str, network: str) -> Iterator[Sql]:
    """Give a SQL Server with no database but its own."""
    server = Sql(sql_image, network)
    yield server
    server.close()
