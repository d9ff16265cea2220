"""What is said of the engine in the container's log."""

import os

from entrypoint.base import log_line


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Report:
    """The voice of the processes that start an engine, or wait for one."""

    def __init__(self, style: str, part: str = "dockerd") -> None:
        self._style = style
        self._part = part

    def say(self, level: str, event: str, **fields: object) -> None:
        """Write one log line, as far as stderr can be written."""
        try:
            os.write(2, log_line.line(self._style, self._part, level, event, fields))
        except OSError:
            pass

    def attempt(self, complaint: str, step: "Callable[[], str | None]") -> str | None:
        """Take `step` and return what it does; if that fails, say so."""
        try:
            return step()
        except OSError as error:
            told = {} if error.filename is None else {"path": error.filename}
            self.say("warning", f"{complaint}: {error.strerror or error}.", **told)
            return None
