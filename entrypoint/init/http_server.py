"""The process that offers metrics, probes and the page: started beside the node, and again alone; never waited for."""

from entrypoint.base.exitcodes import ExitCode


TYPE_CHECKING = False
if TYPE_CHECKING:
    from .children import Starter

ROLE = "serve-http"
LONGEST_PAUSE = 10.0  # seconds before it is started again: a liveness probe may ask it, and fails only after longer


class HttpServer:
    """The process in its role among the `children` of process 1, if it `is_wanted`."""

    def __init__(self, starter: "Starter", *, is_wanted: bool) -> None:
        self._starter = starter
        self._children = starter.children
        self._timers = starter.timers
        self._report = starter.report
        self._is_wanted = is_wanted

    def start(self) -> None:
        """Start it, if it is wanted."""
        if not self._is_wanted:
            return
        self._starter.start_or_retry(ROLE, self._starter.helper(ROLE), LONGEST_PAUSE)

    def retry(self) -> None:
        """Have it started again after a while, unless it says that OCTO_NODE_HTTP is no address, as preflight does."""
        code = self._children.codes.get(ROLE)
        if code == ExitCode.SETTINGS:
            return
        seconds = self._timers.set_again(ROLE, self._children.lived(ROLE), LONGEST_PAUSE)
        sentence = f"{ROLE} ended and is started again in {seconds:g} s; the node isn't concerned."
        self._report.say("warning", sentence, code=code)
