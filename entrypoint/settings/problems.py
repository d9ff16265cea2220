"""Every problem found in one pass, as one error."""

from collections.abc import Sequence

from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode


class ProblemsError(NodeError):
    """Everything that is wrong, found in one go; `code` is the lowest of those found.

    `problems` is a non-empty sequence of (exit code, sentence).
    """

    def __init__(self, problems: Sequence[tuple[ExitCode, str]]) -> None:
        super().__init__(min(code for code, _ in problems), " ".join(text for _, text in problems))
        self.sentences = tuple(text for _, text in problems)
