"""What the container tests share: an engine, images, a private network with a SQL Server."""

from collections.abc import Iterator

import pytest
from container import engine, images
from container.containers import Sql, unique


@pytest.fixture(scope="session", autouse=True)
def docker_engine() -> None:
    """Need a Docker engine: without one the tests are skipped, but fail where one is required."""
    if not engine.is_there():
        (pytest.fail if engine.is_required() else pytest.skip)(engine.MISSING)


@pytest.fixture(scope="session")
def image(docker_engine: None) -> str:
    """Build the image, over what stands for Octopus's."""
    return images.node(images.octopus())


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
