"""The way down: what has to end, one rung after another, each with TERM, a time, and KILL."""

import signal


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Rung:
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


class Ladder:
    """The rungs of a stop; `rung` is the one it stands on (None before the first and after the last).

    `killed` tells whether KILL was sent on this rung.
    """

    def __init__(self, rungs: "Iterator[Rung]") -> None:
        self._rungs = rungs
        self.rung: Rung | None = None
        self.killed = False

    def next(self) -> Rung | None:
        """Begin with the next rung that somebody stands on, and return it; None after the last."""
        self.killed = False
        self.rung = next((rung for rung in self._rungs if rung.are_alive()), None)
        if self.rung is not None and self.rung.ask:
            self.rung.send(signal.SIGTERM)
        return self.rung

    def kill(self) -> None:
        """Send KILL to whoever stands on the rung."""
        if self.rung is not None:
            self.killed = True
            self.rung.send(signal.SIGKILL)

    def kill_all(self, last: Rung) -> None:
        """Go straight to the rung `last`, and send KILL there."""
        self._rungs = iter(())
        self.rung = last
        self.kill()

    def is_clear(self) -> bool:
        """Return whether it stands on a rung with nobody left."""
        return self.rung is not None and not self.rung.are_alive()
