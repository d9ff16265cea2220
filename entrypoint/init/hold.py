"""A node that is configured and then held: Octopus.Server isn't started, because the operator wants to repair it."""

from .lifecycle import Event, ended


TYPE_CHECKING = False
if TYPE_CHECKING:
    from .children import Children
    from .dockerd import Dockerd
    from .report import Report


class Hold:
    """Whether the server is held back (`is_wanted`) once the `children` that prepare the node have ended."""

    def __init__(self, children: "Children", dockerd: "Dockerd", report: "Report", *, is_wanted: bool) -> None:
        self._children = children
        self._dockerd = dockerd
        self._report = report
        self._is_wanted = is_wanted

    def see_if_ready(self) -> Event | None:
        """Return READY_TO_START once nothing is waited for any more, or READY_TO_HOLD."""
        event = self._dockerd.gate()
        return Event.READY_TO_HOLD if event is Event.READY_TO_START and self._is_wanted else event

    def meaning(self, role: str, code: int) -> Event:
        """Return what it means that the child in `role` ended with `code`.

        A repair needs a container that stays, above all where the node can't be configured.
        """
        event = ended(role, code)
        return Event.READY_TO_HOLD if event is Event.PREPARE_FAILED and self._is_wanted else event

    def begin(self) -> Event | None:
        """Say that the server isn't started."""
        self._dockerd.wait_no_more()
        code = self._children.codes["prepare"]
        done = f"couldn't be configured (exit code {code})" if code else "is configured"
        self._report.say(
            "warning",
            f"The node {done}, and is held: Octopus.Server isn't started while OCTO_NODE_HOLD is set. `octo-node "
            "server VERB` runs its commands; a start without the variable starts it.",
        )
        return None
