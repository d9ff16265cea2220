"""Versions, as a database may hold them."""

import pytest

from entrypoint.octopus import version


@pytest.mark.parametrize("value", [None, b"2026.2.197", 2026.2, 20262197, "", "latest"])
def test_what_is_no_version(value: object) -> None:
    """A column of another type, or without a version in it, tells none; it is no fault of ours."""
    assert version.parse(value) is None
