"""Errors that an operator can resolve: a finished sentence with the next step, and an exit code."""

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
