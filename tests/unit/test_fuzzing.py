"""Any bytes for everything that octo-node reads from others: a few hundred of each here, millions by scripts/fuzz."""

from pathlib import Path

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
FILES = 40  # each is read by a process of its own


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


def test_any_bytes_in_a_file(tmp_path: Path) -> None:
    """A file that a variable names may have any bytes: settings, or sentences without a secret."""
    file = tmp_path / "file"

    @settings(max_examples=FILES, deadline=None, derandomize=True, database=None)
    @given(st.sampled_from(variables.NAMES), inputs(variables.TARGETS[0]))
    def every(name: str, data: bytes) -> None:
        file.write_bytes(data)
        environ = {other: value for other, value in variables.GOOD.items() if other != name}
        variables.check_environment(environ | {f"{name}_FILE": str(file)})

    every()
