"""All facts at once, in a bounded time: each source is asked by a process of its own, which may hang."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import cast

from entrypoint.base import forked, resource_limits
from entrypoint.settings.configuration import Configuration, Settings

from . import answers, assembly, container, database, processes, states, words
from .schema import Facts


SECONDS = 1.2  # for everything that is asked: with the start of a process, `status` stays below 2 s
Fragment = Mapping[str, object]
_STATES, _PROCESSES, _CONTAINER, _SERVER, _SQL, _DOCKERD = (
    words.RUN_FOLDER, "/proc", "the control group", "Octopus.Server", database.SOURCE, "dockerd",
)  # fmt: skip


class Gatherer:
    """Looks at the node that `configuration` is of, as often as it is asked to.

    It forks, so whoever has one should have no other threads. Nothing that it asks is asked again while it still hangs.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._collector = forked.Collector()
        self._assembly = assembly.Assembly(configuration)
        self._settings = self._assembly.settings
        self._seconds = SECONDS

    def look(self, seconds: float = SECONDS) -> Facts:
        """Return the facts as they are now, those that can be had within `seconds`. Nothing is raised."""
        begun, self._seconds = time.monotonic(), seconds
        try:
            found = self._collector.collect(self._ask, self._sources(), seconds)
        except OSError as error:
            return self._assembly.facts({}, {"everything": resource_limits.reason(error)}, 0.0)
        told: dict[str, object] = {}
        unknown: dict[str, str] = {}
        for source, (text, is_whole) in found.items():
            if not is_whole:
                unknown[source] = f"no answer within {round(seconds, 1):g} s"
            for fragment in _lines(text):
                unknown |= cast("dict[str, str]", fragment.pop("unknown", {}))
                told |= fragment
        return self._assembly.facts(told, unknown, time.monotonic() - begun)

    def _sources(self) -> Iterable[str]:
        always = [_STATES, _PROCESSES, _CONTAINER]
        dockerd = [_DOCKERD] if self._configuration.base.engine else []
        return always + dockerd + ([_SERVER, _SQL] if self._settings is not None else [])

    def _ask(self, source: str) -> Iterator[bytes]:
        work: Callable[[], Iterable[Fragment]] = {
            _STATES: lambda: states.fragments(self._configuration),
            _PROCESSES: self._of_processes,
            _CONTAINER: self._of_container,
            _SERVER: lambda: answers.fragments(cast("Settings", self._settings), self._seconds * 0.9),
            _SQL: lambda: database.fragments(cast("Settings", self._settings), self._seconds),
            _DOCKERD: self._of_dockerd,
        }[source]
        for fragment in work():
            yield json.dumps(fragment).encode() + b"\n"

    def _of_processes(self) -> Iterator[Fragment]:
        paths = self._configuration.base.paths
        found = states.find(self._configuration.base.run_dir)
        if (told := states.dockerd(found)) is not None and told["pid"] is not None:
            yield {"dockerd_usage": processes.usage(told["pid"])}
        yield {"server": processes.server(paths, found.folder)}

    def _of_container(self) -> Iterator[Fragment]:
        found = states.find(self._configuration.base.run_dir)
        yield {"container": container.look(self._configuration.base.paths, found.node if found.is_live else {})}

    def _of_dockerd(self) -> Iterator[Fragment]:
        yield {"containers": answers.containers(self._configuration.base.engine, self._seconds)}


def _lines(text: bytes) -> Iterator[dict[str, object]]:
    """Yield the fragments in `text`; the last line may have been cut off."""
    for line in text.split(b"\n")[:-1]:
        yield cast("dict[str, object]", json.loads(line))
