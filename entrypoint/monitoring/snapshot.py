"""All that is known of the node at one moment: its phase, the answers to probes, and what the observer told last."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from entrypoint import __version__
from entrypoint.base import phase_summary, state_reader, statefile
from entrypoint.settings.base_settings import BaseSettings

from .observation import Observer
from .probes import Answer, Prober


KEEP_SECONDS = 0.5  # that a snapshot is kept for: however many ask, the files are read twice a second at most


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known of the node.

    Attributes: `name` of the node; `phase`, `unknown` if there is no state of a node, `phase_seconds` since it began,
    and `is_live`, whether process 1 runs; `sentence`, where the node is; `prepare`, the state file of that (all these
    of one read); `answers` of the probes, and how many there were by kind and yes (`counts`); `facts`, what `octo-node
    status --json` tells (empty if that is too old or was never told), its `age` in seconds, and how often the observer
    that tells it was started again; `taken`, when (monotonic).
    """

    name: str
    phase: str
    phase_seconds: float | None
    is_live: bool
    sentence: str
    prepare: Mapping[str, Any]
    answers: Mapping[str, Answer]
    counts: Mapping[tuple[str, bool], int]
    facts: Mapping[str, Any]
    age: float | None
    observer_restarts: int
    taken: float
    version: str = __version__

    def part(self, name: str) -> Mapping[str, Any]:
        """Return the part `name` of the facts; empty if there is none."""
        found = self.facts.get(name)
        return found if isinstance(found, Mapping) else {}

    def items(self, name: str) -> list[Mapping[str, Any]] | None:
        """Return the list `name` of the facts; None if nobody could tell."""
        found = self.facts.get(name)
        return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else None


class Snapshots:
    """Takes snapshots of the node whose settings are `base`."""

    def __init__(self, base: BaseSettings, prober: Prober, observer: Observer) -> None:
        self._base = base
        self._prober = prober
        self._observer = observer
        self._lock = threading.Lock()
        self._last: Snapshot | None = None

    def take(self) -> Snapshot:
        """Return a snapshot that is no older than KEEP_SECONDS."""
        with self._lock:
            if self._last is None or time.monotonic() - self._last.taken > KEEP_SECONDS:
                self._last = self._take()
            return self._last

    def probe(self, kind: str) -> Answer:
        """Return the last answer to a probe of `kind`."""
        return self._prober.answer(kind)

    def _take(self) -> Snapshot:
        folder = state_reader.find_folder(self._base.run_dir)
        node = state_reader.read(folder, statefile.NODE) or {}
        prepare = state_reader.read(folder, statefile.PREPARE) or {}
        seen = self._observer.last()
        return Snapshot(
            name=self._base.node_name,
            phase=str(node.get("phase", "unknown")),
            phase_seconds=phase_summary.phase_seconds(node),
            is_live=bool(node) and state_reader.is_live(node),
            sentence=phase_summary.told(node, prepare),
            prepare=prepare,
            answers=self._prober.answers(),
            counts=dict(self._prober.counts),
            facts={} if seen.is_stale else seen.document,
            age=seen.age,
            observer_restarts=self._observer.restarts,
            taken=time.monotonic(),
        )
