"""Without their tools these tests are left out in one line, unless they are required."""

from pathlib import Path

import pytest
from leftout import leave_out
from monitoring import tools


HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave these tests out where tools are missing, and say so once."""
    if any(item.path.is_relative_to(HERE) for item in items) and tools.missing() and not tools.is_required():
        leave_out(config, items, HERE, f"{tools.missing()}: not here: {{}} tests of monitoring are left out")


@pytest.fixture(scope="session", autouse=True)
def all_tools() -> None:
    """Need all tools."""
    if tools.missing():
        pytest.fail(f"missing: {tools.missing()}. scripts/test-monitoring installs them.")
