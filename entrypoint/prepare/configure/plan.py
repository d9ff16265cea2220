"""Plans which configure commands a start has to run, and which have been applied before."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from entrypoint.octopus import commandline
from entrypoint.octopus.applied_state import AppliedState
from entrypoint.octopus.commandline import Inputs, arguments
from entrypoint.prepare.situation import Situation
from entrypoint.settings.command_overrides import VERBS


# these write to tables that another node may be migrating; many nodes may do so at once
SETTINGS = frozenset({"configure", "path", "license", "node"})


@dataclass(frozen=True, slots=True)
class Command:
    """A configure command; `remembered` is what it is known again by once it has succeeded (None: it isn't).

    If it doesn't have to `run`, because the database has it already, it is only remembered. `unknown` are sentences
    on options that this server is too old or too new for.
    """

    verb: str
    options: Sequence[str]
    remembered: Sequence[str] | None
    run: bool = True
    unknown: Sequence[str] = ()

    def without(self, arguments: Sequence[str]) -> "Command":
        """Return the command without some of its `arguments`."""
        kept = [argument for argument in self.options if argument not in arguments]
        known = None if self.remembered is None else [text for text in self.remembered if text not in arguments]
        return dataclasses.replace(self, options=kept, remembered=known)


def commands(inputs: Inputs, situation: Situation, applied: AppliedState) -> Iterator[Command]:
    """Yield the commands of this start in order, those that make or upgrade the schema first, if it needs that."""
    upgrade = situation.is_older and not situation.is_new
    skipped = inputs.settings.octo_node_skip_commands or ()
    for verb in VERBS:
        if verb in skipped or (verb == "license" and upgrade):
            continue  # a licence came before the upgrade
        options = arguments(verb, dataclasses.replace(inputs, create=situation.is_new))
        if not options:
            continue
        remembered = _remembered_by(verb, inputs, options, situation)
        if verb == "database" and upgrade:
            yield from _upgrade(inputs, options, remembered, situation)
        elif situation.everything or not applied.knows(verb, applied.digest(verb, remembered)):
            run = situation.everything or not _is_there(verb, situation, applied)
            yield Command(verb, options, remembered, run, _unknown(verb, inputs))


def _upgrade(
    inputs: Inputs, register: Sequence[str], remembered: Sequence[str], situation: Situation
) -> Iterator[Command]:
    """Yield what brings an older schema up: the licence goes first, because the upgrade may ask for it."""
    yield Command("database", register, remembered=None)
    licence = arguments("license", inputs)
    if licence and "license" not in (inputs.settings.octo_node_skip_commands or ()):
        yield Command("license", licence, _remembered_by("license", inputs, licence, situation))
    yield Command("database", ["--upgrade", *commandline.added("database", inputs)], remembered)


def _unknown(verb: str, inputs: Inputs) -> Sequence[str]:
    return [
        f"`{verb}` of version {inputs.version} doesn't know {option.name}, so it is left out: it would have the value "
        f"of {option.source}."
        for option in commandline.unknown(verb, inputs)
    ]


def _remembered_by(verb: str, inputs: Inputs, options: Sequence[str], situation: Situation) -> Sequence[str]:
    """Return what decides whether `verb` has to be run again."""
    if verb == "database":
        key = inputs.settings.master_key or ""
        return (inputs.connection_string, key, situation.version, *commandline.added(verb, inputs))
    named = [(argument, commandline.named(verb, argument)) for argument in options]
    return [argument for argument, option in named if option is None or not option.once]


def _is_there(verb: str, situation: Situation, applied: AppliedState) -> bool:
    """Return whether the database has what `verb` would write, although this container doesn't remember it."""
    if verb != "admin" or situation.is_new or not situation.is_finished:
        return False
    # an operator who changes the settings means it; a new pod must not undo what was changed in the portal
    return situation.has_admin and not applied.has(verb)
