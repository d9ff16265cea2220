"""The shutdown of a node: what has to stop, one stage after another, each with TERM, a grace period, and KILL."""

import signal


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Stage:
    """One stage of a stop: the processes that have to end, and their grace period in seconds before they are killed.

    `send` sends them a signal, `are_alive` tells whether anybody is left. With `ask` the stage begins with a TERM;
    a drain needs none.
    """

    __slots__ = ("are_alive", "ask", "name", "seconds", "send")

    def __init__(
        self,
        name: str,
        seconds: float,
        *,
        send: "Callable[[int], object]",
        are_alive: "Callable[[], bool]",
        ask: bool = True,
    ) -> None:
        self.name = name
        self.seconds = seconds
        self.send = send
        self.are_alive = are_alive
        self.ask = ask


class Shutdown:
    """The stages of a stop; `stage` is the current one (None before the first and after the last).

    `killed` tells whether KILL was sent in this stage.
    """

    def __init__(self, stages: "Iterator[Stage]") -> None:
        self._stages = stages
        self.stage: Stage | None = None
        self.killed = False

    def next(self) -> Stage | None:
        """Begin the next stage in which a process is left, and return it; None after the last."""
        self.killed = False
        self.stage = next((stage for stage in self._stages if stage.are_alive()), None)
        if self.stage is not None and self.stage.ask:
            self.stage.send(signal.SIGTERM)
        return self.stage

    def kill(self) -> None:
        """Send KILL to the processes of the current stage."""
        if self.stage is not None:
            self.killed = True
            self.stage.send(signal.SIGKILL)

    def kill_all(self, last: Stage) -> None:
        """Go straight to the stage `last`, and send KILL there."""
        self._stages = iter(())
        self.stage = last
        self.kill()

    def is_clear(self) -> bool:
        """Return whether no process of the current stage is left."""
        return self.stage is not None and not self.stage.are_alive()
