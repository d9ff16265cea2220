"""Octopus.Server's HTTP API, as far as a node asks its own server."""

from collections.abc import Mapping
from typing import cast

import requests
import urllib3

from entrypoint.settings import Settings

from .tables import Task


PING = "/api/octopusservernodes/ping"
DRAINING = 418
PAGE = 100
SECONDS = 5.0  # for an answer
_Json = dict[str, object]


class ApiError(Exception):
    """The API gave no answer, or not the one that was asked for; the message says which, and holds no key."""


class RefusedError(ApiError):
    """The API answers, but not this question to us: asking again won't help."""


class Api:
    """The API of the node's own server; `key` is an API key, None where only anonymous questions are asked."""

    def __init__(self, settings: Settings, *, key: str | None = None) -> None:
        port = settings.https_port if settings.https_only else settings.octo_node_web_port
        self.url = f"{'https' if settings.https_only else 'http'}://localhost:{port}"
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy has no business between us and our own server
        self._session.verify = False  # the certificate is for the public name, and we ask localhost
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        if key is not None:
            self._session.headers["X-Octopus-ApiKey"] = key

    def ping(self) -> int:
        """Return the status of the ping address: 200, or 418 for a node that is drained. Raise ApiError."""
        return self._request("GET", PING).status_code

    def running_tasks(self, node: str) -> list[Task]:
        """Return the tasks that the node named `node` works on, but those that wait for a person. Raise ApiError."""
        query = {
            "node": self._node_id(node),
            "states": "Executing,Cancelling",
            "spaces": "all",
            "includeSystem": "true",
        }
        return [
            Task(id=str(item["Id"]), description=str(item.get("Description", "")), state=str(item.get("State", "")))
            for item in self._items("/api/tasks", query)
            if not item.get("HasPendingInterruptions")
        ]

    def cancel(self, task: Task) -> None:
        """Cancel a task. Raise ApiError."""
        self._request("POST", f"/api/tasks/{task.id}/cancel", good=True)

    def _node_id(self, name: str) -> str:
        for item in self._items("/api/octopusservernodes", {}):
            if str(item.get("Name", "")).lower() == name.lower():
                return str(item["Id"])
        raise RefusedError(f"the API knows no node named {name}")

    def _items(self, path: str, query: Mapping[str, str]) -> list[_Json]:
        """Return all items of a collection, page by page."""
        items: list[_Json] = []
        while True:
            page = {**query, "skip": str(len(items)), "take": str(PAGE)}
            document = self._json(self._request("GET", path, page, good=True))
            found = cast("list[_Json]", document.get("Items", []))
            items += found
            total = document.get("TotalResults")
            if not found or not isinstance(total, int) or len(items) >= total:
                return items

    def _json(self, answer: requests.Response) -> _Json:
        try:
            return cast("_Json", answer.json())
        except ValueError as error:
            raise ApiError(f"{answer.request.path_url} answered with something that isn't JSON") from error

    def _request(
        self, method: str, path: str, query: Mapping[str, str] | None = None, *, good: bool = False
    ) -> requests.Response:
        """Return the answer; with `good` one that isn't 2xx is an ApiError as well."""
        try:
            answer = self._session.request(
                method, self.url + path, params=query, timeout=SECONDS, allow_redirects=False
            )
        except requests.RequestException as error:
            raise ApiError(f"{self.url}{path} doesn't answer: {_reason(error)}") from error
        if good and not 200 <= answer.status_code <= 299:
            kind = RefusedError if answer.status_code in {401, 403, 404} else ApiError
            raise kind(f"{path} answered {answer.status_code} {answer.reason}")
        return answer


def _reason(error: Exception) -> str:
    """Return the root of a requests error in words, without the object addresses that its text is full of."""
    if isinstance(error, requests.Timeout):
        return f"no answer within {SECONDS:g} s"
    cause: BaseException = error
    while cause.__context__ is not None:
        cause = cause.__context__
    return getattr(cause, "strerror", None) or type(cause).__name__
