"""Failures that a person can mend: a finished sentence, the next step, an exit code."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .exitcodes import ExitCode


class NodeError(Exception):
    """One cause in one sentence; `code` is the exit code that goes with it."""

    def __init__(self, code: "ExitCode", sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentences: Sequence[str] = (sentence,)


class ProblemsError(NodeError):
    """Everything that is wrong, found in one go; `code` is the lowest of those found.

    `problems` is a non-empty sequence of (exit code, sentence).
    """

    def __init__(self, problems: "Sequence[tuple[ExitCode, str]]") -> None:
        super().__init__(min(code for code, _ in problems), " ".join(text for _, text in problems))
        self.sentences = tuple(text for _, text in problems)
