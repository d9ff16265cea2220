"""The way down: what has to end, one rung after another, each with TERM, a time, and KILL."""

import signal


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Stage:
    """One step of a stop: who has to end, and how many seconds they get before they are killed.

    `send` sends them a signal, `are_alive` tells whether anybody is left. With `ask` the rung begins with a TERM;
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
    """The rungs of a stop; `rung` is the one it stands on (None before the first and after the last).

    `killed` tells whether KILL was sent on this rung.
    """

    def __init__(self, stages: "Iterator[Stage]") -> None:
        self._stages = stages
        self.stage: Stage | None = None
        self.killed = False

    def next(self) -> Stage | None:
        """Begin with the next rung that somebody stands on, and return it; None after the last."""
        self.killed = False
        self.stage = next((stage for stage in self._stages if stage.are_alive()), None)
        if self.stage is not None and self.stage.ask:
            self.stage.send(signal.SIGTERM)
        return self.stage

    def kill(self) -> None:
        """Send KILL to whoever stands on the rung."""
        if self.stage is not None:
            self.killed = True
            self.stage.send(signal.SIGKILL)

    def kill_all(self, last: Stage) -> None:
        """Go straight to the rung `last`, and send KILL there."""
        self._stages = iter(())
        self.stage = last
        self.kill()

    def is_clear(self) -> bool:
        """Return whether it stands on a rung with nobody left."""
        return self.stage is not None and not self.stage.are_alive()
