"""Each reader is asked for more than its limit: docs/limits.md has them all."""

from pathlib import Path

import limits
import pytest
from beyond import CASES, answers, files


__all__ = ["answers", "files"]  # which make the cases
# limits for which a whole program, or a database, is asked for more
ELSEWHERE = {
    "a request for metrics, health endpoints or the page": "test_monitoring.py::test_slow_clients_keep_nobody_out",
    "a line of the process that looks at the node": (
        "test_monitoring.py::test_an_observer_that_crashes_or_babbles_is_over"
    ),
    "all of a bundle of `diagnose`": "../process/test_diagnose.py::test_a_node_that_waits_for_what_hangs",
}


def test_each_limit_is_tried() -> None:
    """There is no limit without a test that asks for more, and no such test without a limit."""
    assert CASES.keys() | ELSEWHERE.keys() == limits.BY_NAME.keys()
    for place in ELSEWHERE.values():
        file, _, name = place.partition("::")
        assert f"def {name}(" in (Path(__file__).parent / file).read_text(), place


@pytest.mark.parametrize("name", CASES)
def test_more_than_the_limit(tmp_path: Path, name: str) -> None:
    """What is more than the limit is what the document says: left out, refused, or no answer."""
    CASES[name](tmp_path)
