"""The answers to probes, asked for every few seconds and never while somebody waits for one."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from entrypoint import http_probe


PAUSE_SECONDS = 3.0
TIMEOUT_SECONDS = 3.0
STALE_SECONDS = 30.0  # older than that an answer says nothing any more
KINDS = tuple(http_probe.PATHS)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a probe said: `yes`, its `words`, how many `seconds` it took, and `when` (monotonic)."""

    yes: bool
    words: str
    seconds: float
    when: float


class Prober:
    """Asks all kinds of probes in turns, in a thread of its own, once it is started.

    Attribute: `counts`, how many answers there were, by kind and whether they were a yes.
    """

    def __init__(self) -> None:
        self._answers: dict[str, Answer] = {}
        self.counts = {(kind, yes): 0 for kind in KINDS for yes in (True, False)}

    def start(self) -> None:
        """Begin to ask, until the process ends."""
        threading.Thread(target=self._ask_for_ever, daemon=True, name="probes").start()

    def ask(self) -> None:
        """Ask each kind once."""
        for kind in KINDS:
            begun = time.monotonic()
            code, words = http_probe.answer(kind, TIMEOUT_SECONDS)
            now = time.monotonic()
            self._answers[kind] = Answer(code == 0, words, now - begun, now)
            self.counts[kind, code == 0] += 1

    def answer(self, kind: str) -> Answer:
        """Return the last answer of `kind`.

        One that is too old is no: but for liveness, because a restart of the node is no cure for a probe that hangs.
        """
        now = time.monotonic()
        found = self._answers.get(kind)
        if found is None:
            return Answer(False, f"{kind}: not asked yet", 0.0, now)  # noqa: FBT003 - the answer
        if now - found.when > STALE_SECONDS:
            words = f"{kind}: not asked for {now - found.when:.0f} s; the answer before that was: {found.words}"
            return Answer(kind == "liveness", words, found.seconds, found.when)
        return found

    def answers(self) -> Mapping[str, Answer]:
        """Return the last answer of each kind that was asked."""
        return {kind: self.answer(kind) for kind in KINDS if kind in self._answers}

    def _ask_for_ever(self) -> None:
        while True:
            self.ask()
            time.sleep(PAUSE_SECONDS)
