"""Waits for other nodes: while one of another version is alive, the schema is left alone.

The node table doesn't tell who runs which version. What each node noted last does (`octopus/version_history.py`), and
where the nodes share folders, the mark that its octo-node left there (`octopus/shared_marks.py`), which is never old.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode
from entrypoint.octopus import shared_marks, version
from entrypoint.octopus.command_runner import CommandError
from entrypoint.octopus.version import Version
from entrypoint.octopus.version_history import History
from entrypoint.prepare.context import Context
from entrypoint.prepare.situation import Situation


LOOK_SECONDS = 1.0
TELL_SECONDS = 30.0
UNSURE_SHARE = 1 / 60  # of the whole wait, for nodes that may run this very build: 30 s
SURE_SECONDS = 6.0  # a node of our own version may be alive before the database tells the version: a first start
PAUSE_SECONDS = (2.0, 30.0)  # before a refused upgrade is tried again: the first time, and at most
# what the server says of other nodes isn't published word for word (OctopusDeploy issue 8241)
_NODES = re.compile(r"\b(nodes?|servers)\b", re.IGNORECASE)
_ALIVE = re.compile(r"\b(running|alive|online|active|in use|stop(ped)?|shut(ting)? ?down|other)\b", re.IGNORECASE)


class Builds:
    """Tells which of the nodes that are alive count as of another version than `own`; `marks` gives those of nodes."""

    def __init__(
        self, own: Version, patience: float, say: Callable[[str], object], marks: Callable[[], Mapping[str, Version]]
    ) -> None:
        self._own = own
        self._patience = patience
        self._say = say
        self._marks = marks
        self._since: float | None = None
        self._told = False

    def of_another(self, alive: list[str], noted: History) -> list[str]:
        """Return those of `alive` that count.

        On an older database, or one of an unknown version, all do. On one that another build of this release used
        last, those that left a mark with another version do, and those with this one don't. Of those
        without a mark, those that noted this version last don't. Who noted another build after this one, or nothing at
        all, counts for `patience` seconds only: it may run this build all the same (see `history`), a wait for it
        would have no end, and the makers call builds of one release safe beside each other.
        """
        own = self._own
        if noted.highest is None or noted.highest < own:
            return alive
        marks = self._marks()
        left = [name for name in alive if marks.get(name.lower(), noted.last_of(name)) != own]
        sure = [name for name in left if name.lower() in marks or _is_another(noted, name, own)]
        if left == sure:
            return sure
        now = time.monotonic()
        self._since = self._since or now
        if now - self._since < self._patience:
            return left
        if not self._told:
            self._told = True
            names = ", ".join(name for name in left if name not in sure)
            self._say(
                f"The database doesn't say whether {names} run this build, {own}, or another one of its release: this "
                "node continues beside them, because builds of one release are made to be safe both ways."
            )
        return sure


def marked(folders: Iterable[str]) -> dict[str, Version]:
    """Return the versions in the marks that nodes left in the shared `folders`, by their names in small letters."""
    try:
        found = shared_marks.versions(folders)
    except OSError:
        return {}
    versions = {node.lower(): version.parse(text) for node, text in found.items()}
    return {node: known for node, known in versions.items() if known is not None}


def _is_another(noted: History, name: str, own: Version) -> bool:
    """Return whether a node noted a version, but never this one."""
    return noted.last_of(name) is not None and not noted.has_run(name, own)


def wait(
    context: Context, found: Situation, look: Callable[[], Situation], alive: Callable[[], tuple[list[str], float]]
) -> Situation:
    """Return the situation as soon as no other node is alive, or nothing has to be upgraded any more.

    Raise NodeError (15) at the context's deadline.
    """
    begun = time.monotonic()
    told: list[str] = []
    when = 0.0
    while found.is_older:
        names, unsure = alive()
        now = time.monotonic()
        if not names and unsure <= 0:
            break
        found = look()  # who is alive may have told its version meanwhile: then there is nobody to be stopped
        if not found.is_older:
            break
        if names and now >= context.deadline:
            raise _too_late(names, context, now - begun)
        if names and now - begun >= SURE_SECONDS and (names != told or now - when >= TELL_SECONDS):
            told, when = names, now
            _tell(context, names, begun)
        time.sleep(LOOK_SECONDS)
    return found


def _tell(context: Context, names: list[str], begun: float) -> None:
    context.progress.doing(f"waiting for nodes of another version to stop ({', '.join(names)})", begun)
    context.log.warning(
        f"The database isn't of this server's version, {context.version}, and other nodes still run on it: "
        f"{', '.join(names)}. Stop them, and this node continues.",
        seconds=round(time.monotonic() - begun),
    )


def _too_late(names: list[str], context: Context, seconds: float) -> NodeError:
    return NodeError(
        ExitCode.OTHER_VERSION,
        f"Nodes of another version were still running after {seconds:.0f} s: {', '.join(names)}. Stop them (scale "
        f"to 0, or delete their pods), then start version {context.version}; a node that was lost counts as running "
        "for 5 minutes. OCTO_NODE_UPGRADE_WAIT gives more time. Nothing was changed.",
    )


def check_refusal(error: CommandError, context: Context) -> None:
    """Return if the server refused the upgrade because of other nodes, and there is time left; raise `error` if not."""
    lines = [line for line in error.output.splitlines() if "PASS" not in line]
    refused = any(_NODES.search(line) and _ALIVE.search(line) for line in lines)
    if not refused:
        raise error
    if time.monotonic() >= context.deadline:
        raise NodeError(
            ExitCode.OTHER_VERSION,
            f"Octopus.Server still refuses to upgrade the schema because of other nodes: {error} Stop all of them.",
        ) from error
    context.progress.doing("waiting for other nodes to stop (the server refuses the upgrade while they run)")
    context.log.warning("The server refuses the upgrade because of other nodes; it will be retried.")


def pauses() -> Iterator[float]:
    """Yield the seconds to wait before each new try."""
    seconds, longest = PAUSE_SECONDS
    while True:
        yield seconds
        seconds = min(seconds * 2, longest)
