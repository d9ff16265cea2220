"""Any bytes for everything that octo-node reads from others: a few hundred of each here, millions by scripts/fuzz."""

import pytest
from fuzzing import Target, connection_strings, files, http_answers, sql_answers, texts, variables
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


TARGETS = [
    target
    for module in (connection_strings, variables, http_answers, files, texts, sql_answers)
    for target in module.TARGETS
]
EXAMPLES = 150


def inputs(target: Target) -> st.SearchStrategy[bytes]:
    """Return inputs for `target`: what it begins with, and its words in any order, with any bytes between them."""
    part = st.one_of(st.sampled_from(target.words), st.sampled_from(target.words), st.binary(max_size=6))
    mixed = st.lists(part, max_size=14).map(b"".join)
    return mixed if not target.seeds else st.one_of(mixed, mixed, st.sampled_from(target.seeds))


@pytest.mark.parametrize("target", TARGETS, ids=[target.name for target in TARGETS])
def test_any_bytes(target: Target, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever is read is understood or refused in the expected way; nothing else is raised."""

    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )  # fmt: skip
    @given(inputs(target))
    def every(data: bytes) -> None:
        target.check(data)

    every()
