"""Octopus.Server's HTTP API, as far as a node calls its own server."""

import datetime
import json
import math
import time
import urllib.parse
from collections.abc import Mapping
from typing import cast

from entrypoint.settings.configuration import Settings

from . import http
from .http import Answer, NoAnswerError
from .running_task import STATES, Task


PING = "/api/octopusservernodes/ping"
DRAINING = 418
BUSY = 429  # rate limits are on by default for instances made with 2026.3 or later (OctopusDeploy issue 10155)
PAGE = 100
PAGES = 20  # more is no list of what runs on one node
SECONDS = 5.0  # for an answer
LEAST_SECONDS = 0.1  # for one, whatever is left
_Json = dict[str, object]


class ApiError(Exception):
    """The API doesn't tell just now; the message says what it answered, and holds no key.

    `pause` is how many seconds it is to be left alone.
    """

    def __init__(self, text: str, *, pause: float = 0.0) -> None:
        super().__init__(text)
        self.pause = pause


class RefusedError(ApiError):
    """The API answers, but not this question to us: asking again won't help."""


class Api:
    """The API of the node's own server; `key` is an API key, None where only anonymous questions are asked.

    Each answer has `seconds`, all of a list together has as many; all have to be there by `deadline` (monotonic).
    """

    def __init__(self, settings: Settings, *, key: str | None = None, seconds: float = SECONDS) -> None:
        self._scheme = http.ENCRYPTED if settings.https_only else http.PLAIN
        self._port = settings.https_port if settings.https_only else settings.octo_node_web_port
        self._headers = {} if key is None else {"X-Octopus-ApiKey": key}
        self._seconds = seconds
        self.deadline = math.inf
        self._node_ids: dict[str, str] = {}

    @property
    def url(self) -> str:
        """Where the server is asked."""
        return f"{self._scheme}://{http.HOST}:{self._port}"

    def ping(self) -> Answer:
        """Return the answer of the ping address: 200, or 418 for a node that is drained.

        Raise ApiError if nothing answers.
        """
        return self._ask("GET", PING, self._seconds, with_body=False)

    def running_tasks(self, node: str) -> list[Task]:
        """Return the tasks that the node named `node` works on. Raise ApiError."""
        deadline = time.monotonic() + self._seconds
        query = {
            "node": self._node_id(node, deadline),
            "states": ",".join(STATES),
            "spaces": "all",
            "includeSystem": "true",
        }
        return [
            Task(
                id=_text(item, "Id"),
                description=_text(item, "Description"),
                state=_text(item, "State"),
                seconds=_age(item.get("StartTime")),
            )
            for item in self._items("/api/tasks", query, deadline)
        ]

    def cancel(self, task: Task) -> None:
        """Cancel a task. Raise ApiError."""
        path = f"/api/tasks/{urllib.parse.quote(task.id, safe='')}/cancel"
        _check(path, self._ask("POST", path, self._seconds))

    def remove_node(self, node_id: str) -> None:
        """Forget the node whose Id is `node_id`. Raise ApiError."""
        path = f"/api/octopusservernodes/{urllib.parse.quote(node_id, safe='')}"
        _check(path, self._ask("DELETE", path, self._seconds))

    def _node_id(self, name: str, deadline: float) -> str:
        if name not in self._node_ids:
            found = self._items("/api/octopusservernodes", {}, deadline)
            ids = [_text(item, "Id") for item in found if _text(item, "Name").lower() == name.lower()]
            if not ids:
                raise RefusedError(f"the API knows no node named {name}")
            self._node_ids[name] = ids[0]
        return self._node_ids[name]

    def _items(self, path: str, query: Mapping[str, str], deadline: float) -> list[_Json]:
        """Return all items of a collection, page by page."""
        items: list[_Json] = []
        for _ in range(PAGES):
            page = urllib.parse.urlencode({**query, "skip": len(items), "take": PAGE})
            answer = self._ask("GET", f"{path}?{page}", max(deadline - time.monotonic(), 0))
            _check(path, answer)
            document = _document(path, answer.body)
            found = document.get("Items")
            if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
                raise ApiError(f"{path} answered with something that isn't a list")
            items += cast("list[_Json]", found)
            total = document.get("TotalResults")
            if not found or not isinstance(total, int) or len(items) >= total:
                return items
        raise ApiError(f"{path} answered with a list that has no end")

    def _ask(self, method: str, target: str, seconds: float, *, with_body: bool = True) -> Answer:
        try:
            return http.ask(
                self._scheme,
                self._port,
                method,
                target,
                headers=self._headers,
                seconds=min(seconds, max(self.deadline - time.monotonic(), LEAST_SECONDS)),
                with_body=with_body,
            )
        except NoAnswerError as error:
            path = target.partition("?")[0]
            raise ApiError(f"{self.url}{path} doesn't answer: {error}") from error


def is_refusal(status: int) -> bool:
    """Return whether an answer says that we aren't the one to ask: a login page or https, no right, no such path."""
    return 300 <= status <= 399 or status in {401, 403, 404}


def _check(path: str, answer: Answer) -> None:
    """Raise ApiError, with what the answer means, unless it is a 2xx."""
    if 200 <= answer.status <= 299:
        return
    text = f"{path} answered {answer.status} {answer.reason}"
    if is_refusal(answer.status):
        raise RefusedError(text)
    busy = http.PAUSE_SECONDS[0] if answer.status == BUSY else 0.0
    raise ApiError(text, pause=answer.pause or busy)


def _document(path: str, body: bytes) -> _Json:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ApiError(f"{path} answered with something that isn't JSON") from error
    if not isinstance(document, dict):
        raise ApiError(f"{path} answered with something that isn't a JSON object")
    return document


def _text(item: _Json, name: str) -> str:
    """Return a text of a JSON object, empty if it isn't there; what is printed of it is at most a line.

    It can be written as UTF-8: JSON may name half a character.
    """
    return str(item.get(name) or "")[:1000].encode("utf-8", "replace").decode()


def _age(started: object) -> float | None:
    """Return the seconds since `started`, as JSON has times; None if it is none."""
    try:
        begun = datetime.datetime.fromisoformat(str(started))
        return max(time.time() - begun.timestamp(), 0.0) if begun.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
