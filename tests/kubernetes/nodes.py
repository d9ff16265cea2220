"""The nodes of a release: what kubelet says of their pods."""

from collections.abc import Mapping
from typing import Any

from kubernetes.namespace import Namespace
from processes import wait_until


SELECTOR = "app.kubernetes.io/instance=octopus,app.kubernetes.io/part-of=octopus-server"
START_SECONDS = 240


class Nodes:
    """The pods of a release's nodes."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace

    def pods(self) -> list[dict[str, Any]]:
        """Return the nodes' pods."""
        return self._namespace.objects("pod", "--selector", SELECTOR)

    def ready(self) -> list[str]:
        """Return the names of the nodes that are ready."""
        return [pod["metadata"]["name"] for pod in self.pods() if _is_ready(pod)]

    def wait_ready(self) -> None:
        """Wait until as many nodes are ready as the StatefulSet wants, and none is on its way out."""
        try:
            wait_until(self._are_all_ready, START_SECONDS, "all nodes are ready")
        except AssertionError as error:
            told = self._namespace.kubectl("describe", "pod", "--selector", SELECTOR).stdout
            logs = self._namespace.kubectl("logs", "--selector", SELECTOR, "--tail=50", "--prefix", check=False).stdout
            raise AssertionError(f"{error}\n{told}\n{logs}") from None

    def _are_all_ready(self) -> bool:
        wanted = self._namespace.objects("statefulset", "--selector", SELECTOR)
        going = [pod for pod in self.pods() if pod["metadata"].get("deletionTimestamp")]
        return not going and len(self.ready()) == sum(one["spec"]["replicas"] for one in wanted)

    def replace(self) -> None:
        """Delete all pods at once, as docs/kubernetes.md says of an upgrade, and wait until they are gone."""
        self._namespace.kubectl("delete", "pod", "--selector", SELECTOR, seconds=600)

    def states(self, name: str) -> list[dict[str, Any]]:
        """Return the last and the present state of a node's container, by what it is: waiting, running, terminated."""
        status = self._status(name)
        return [status.get(when, {}) for when in ("lastState", "state")]

    def restarts(self, name: str) -> int:
        """Return how many times a node's container was restarted."""
        return int(self._status(name).get("restartCount", 0))

    def _status(self, name: str) -> dict[str, Any]:
        found = [pod for pod in self.pods() if pod["metadata"]["name"] == name]
        statuses = found[0]["status"].get("containerStatuses", []) if found else []
        return dict(statuses[0]) if statuses else {}

    def ended(self, *names: str) -> dict[str, Any]:
        """Wait until the container of one of these nodes has ended, and return how: its exit code, its message."""

        def last() -> dict[str, Any] | None:
            states = [state for name in names for state in self.states(name)]
            return next((state["terminated"] for state in states if "terminated" in state), None)

        return wait_until(last, START_SECONDS, f"{' or '.join(names)} ends")

    def backoffs(self) -> list[str]:
        """Return what kubelet told of containers that end again and again."""
        events = self._namespace.objects("event")
        return [event["message"] for event in events if event.get("reason") == "BackOff"]


def _is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = {condition["type"]: condition["status"] for condition in pod["status"].get("conditions", [])}
    return conditions.get("Ready") == "True" and not pod["metadata"].get("deletionTimestamp")
