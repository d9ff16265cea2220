"""Tests that need something which isn't on every machine: left out in one line, not one each."""

from pathlib import Path

import pytest


def leave_out(config: pytest.Config, items: list[pytest.Item], folder: Path, what: str) -> None:
    """Skip the tests in `folder`; `what` is missing, and which tests they are, with {} for their number."""
    ours = [item for item in items if item.path.is_relative_to(folder)]
    if ours:
        ours[0].add_marker(pytest.mark.skip(what.format(len(ours))))
        config.hook.pytest_deselected(items=ours[1:])
        items[:] = [item for item in items if item not in ours[1:]]
