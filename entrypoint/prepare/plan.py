"""Which configure commands a start has to run, and which of them it ran before."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from entrypoint.octopus.commandline import Inputs, arguments
from entrypoint.octopus.memory import Memory


VERBS = ("create-instance", "database", "configure", "path", "admin", "license", "node")
# these write to tables that another node may be migrating
GUARDED = frozenset({"path", "admin", "license"})


@dataclass(frozen=True, slots=True)
class Situation:
    """What decides about the commands.

    Attributes: `is_new`, the database has no schema yet; `is_finished`, somebody finished configuring it: it has
    users; `is_older`, its schema is older than this server, or of a version that isn't told; `has_admin`, it has
    the administrator already; `believed`, the memory is of this database; `everything`, nothing is left out;
    `version`, this server's.
    """

    is_new: bool
    is_finished: bool
    is_older: bool
    has_admin: bool
    believed: bool
    everything: bool
    version: str

    @property
    def needs_schema(self) -> bool:
        """Whether the schema has to be made or upgraded first."""
        return self.is_new or self.is_older


@dataclass(frozen=True, slots=True)
class Command:
    """A configure command; `digest` is what it is remembered by once it has succeeded (None: by nothing).

    If it doesn't have to `run`, because the database has it already, it is only remembered.
    """

    verb: str
    options: Sequence[str]
    digest: str | None
    run: bool = True


def commands(inputs: Inputs, situation: Situation, memory: Memory) -> Iterator[Command]:
    """Yield the commands of this start in order, those that make or upgrade the schema first, if it needs that."""
    upgrade = situation.is_older and not situation.is_new
    for verb in VERBS:
        if verb == "license" and upgrade:
            continue  # came before the upgrade
        options = arguments(verb, dataclasses.replace(inputs, create=situation.is_new))
        if not options:
            continue
        digest = memory.digest(verb, _remembered_by(verb, inputs, options, situation))
        if verb == "database" and upgrade:
            yield from _upgrade(inputs, options, digest, situation, memory)
        elif situation.everything or not memory.knows(verb, digest):
            yield Command(verb, options, digest, run=situation.everything or not _is_there(verb, situation, memory))


def _upgrade(
    inputs: Inputs, register: Sequence[str], digest: str, situation: Situation, memory: Memory
) -> Iterator[Command]:
    """Yield what brings an older schema up: the licence goes first, because the upgrade may ask for it."""
    yield Command("database", register, digest=None)
    licence = arguments("license", inputs)
    if licence:
        yield Command(
            "license", licence, memory.digest("license", _remembered_by("license", inputs, licence, situation))
        )
    yield Command("database", ["--upgrade"], digest)


def _remembered_by(verb: str, inputs: Inputs, options: Sequence[str], situation: Situation) -> Sequence[str]:
    """Return what decides whether `verb` has to be run again."""
    if verb == "database":
        return (inputs.connection_string, inputs.settings.master_key or "", situation.version)
    return options


def _is_there(verb: str, situation: Situation, memory: Memory) -> bool:
    """Return whether the database has what `verb` would write, although this container doesn't remember it."""
    if situation.is_new or not situation.is_finished:
        return False
    if verb == "admin":
        # an operator who changes the settings means it; a new pod must not undo what was changed in the portal
        return situation.has_admin and not memory.has(verb)
    return verb == "path" and not situation.believed
