"""The drain at the start of a stop: retried until its deadline if no process can be started for it at first."""

from entrypoint.base.exitcodes import ExitCode

from . import processes
from .shutdown import Stage
from .signals import TERM


TYPE_CHECKING = False
if TYPE_CHECKING:
    from .children import Starter

ROLE = "drain"
# beyond the drain's own deadline, which it watches itself: its start, and the GRACE_SECONDS of node/drain.py
MARGIN_SECONDS = 40.0


class StopDrain:
    """The drain among the `children` of process 1, for `seconds`; 0: none.

    Attribute: `is_wanted`, whether a stop begins with one.
    """

    def __init__(self, starter: "Starter", *, seconds: float) -> None:
        self._starter = starter
        self._children = starter.children
        self._timers = starter.timers
        self._report = starter.report
        self._seconds = seconds
        self.is_wanted = self._seconds > 0
        self._is_told = False  # what is cut off

    def begin(self) -> Stage:
        """Start it, and return its stage of the shutdown."""
        self.start()
        return Stage(ROLE, self._seconds + MARGIN_SECONDS, send=self._send, are_alive=self._is_under_way, ask=False)

    def start(self) -> None:
        """Start it, or start it again, with the time that is left. Without a server there is nothing to drain."""
        server = self._children.pid("server")
        if server is None:
            return
        left = max(self._seconds - self._children.starved(ROLE), 0.0)
        program = self._starter.helper(ROLE, "--wait=" + f"{left:.1f}".removesuffix(".0"))
        try:
            self._starter.start(ROLE, program, patience=self._seconds)
        except OSError as error:
            self._give_up(server, error)

    def skip(self) -> None:
        """End it, or don't begin with it."""
        self.is_wanted = False
        self._send(TERM)

    def tell_cut_off(self) -> None:
        """Tell, once, which tasks a stop cuts off by ending the server now."""
        server = self._children.pid("server")
        if not self._is_told and server is not None:
            self._is_told = True
            self._report.cut_off(self._children.codes.get(ROLE), running=processes.below(server))

    def _send(self, number: int) -> None:
        self._timers.clear(ROLE)
        self._children.send([ROLE], number, group=number != TERM)

    def _is_under_way(self) -> bool:
        return self._timers.is_set(ROLE) or self._children.pid(ROLE) is not None

    def _give_up(self, server: int, error: OSError) -> None:
        """Tell that the node is stopped without a drain, and what is cut off: process 1 knows processes, not tasks."""
        self._children.codes[ROLE] = ExitCode.NODE_UNREACHABLE
        self._is_told = True
        running = processes.below(server)
        self._report.cut_off(
            ExitCode.NODE_UNREACHABLE,
            f"The node is stopped without a drain, which couldn't be started for {self._children.starved(ROLE):.0f} s: "
            f"{error.strerror}. Tasks that run are cut off, with what Octopus.Server runs for them: "
            f"{', '.join(running) or 'no process'}. Run them again.",
        )
