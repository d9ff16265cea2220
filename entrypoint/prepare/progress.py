"""The progress of prepare, for probes and `status`, and the duration of each step, for the timeline."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from entrypoint.base import statefile


class Progress:
    """The state file of prepare in `folder`; None: there is none."""

    def __init__(self, folder: str | None) -> None:
        self._folder = folder
        self._steps: dict[str, float] = {}
        self._place: dict[str, object] = {}

    def found(self, host: str, port: int, *, strict: bool) -> None:
        """Publish where SQL Server is: a liveness probe asks whether it answers. `strict`: by TDS 8."""
        self._place = {"host": host, "port": port, "strict": strict}

    def doing(self, text: str, since: float | None = None) -> None:
        """Publish what is being done, since `since` on the monotonic clock (None: now)."""
        if self._folder is not None:
            state = {"doing": text, "since": since or time.monotonic(), "steps": self._steps} | self._place
            try:
                statefile.write(self._folder, statefile.PREPARE, state)
            except OSError:
                pass  # process 1 says that its folder can't be written

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure a step of the timeline; one that is entered again adds up."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self._steps[name] = self._steps.get(name, 0.0) + time.monotonic() - begun
            self.doing("")
