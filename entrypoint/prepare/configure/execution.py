"""Runs the commands of the plan and records them as applied."""

from collections.abc import Iterable

from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode
from entrypoint.octopus import commandline, version
from entrypoint.octopus.command_runner import CommandError
from entrypoint.prepare.context import Context
from entrypoint.prepare.schema.database_view import DatabaseView
from entrypoint.prepare.situation import Situation

from . import data_import, free_licence, inputs, plan, unapplied_settings
from .plan import Command


TYPE_CHECKING = False
if TYPE_CHECKING:
    from entrypoint.prepare.schema.schema_lock import SchemaLock


class Execution:
    """The commands of one attempt: `done` are the verbs that were run, `lock` the locks while they are held."""

    def __init__(self, context: Context, view: DatabaseView) -> None:
        self.context = context
        self.view = view
        self.done: set[str] = set()
        self.lock: SchemaLock | None = None
        self._key: str | None = None

    def commands(self, found: Situation) -> list[Command]:
        """Return what is left to do in the situation `found`."""
        if self._key is None:
            self._key = inputs.find_master_key(self.context, found)
        made = inputs.make(self.context, found, self._key)
        planned = plan.commands(made, found, self.context.applied)
        return [command for command in planned if command.verb not in self.done]

    def run(self, commands: Iterable[Command]) -> None:
        """Run `commands`, or only remember those that the database has already."""
        applied = self.context.applied
        for planned in commands:
            command = self._configure(planned) if planned.run else planned
            if command.remembered is None:
                continue
            applied.remember(command.verb, applied.digest(command.verb, command.remembered), self.view.identity())
            unapplied_settings.note(applied, command.verb, was_run=planned.run)
            if command.verb == "database":
                version.remember_schema(applied, self.context.version)

    def _configure(self, command: Command) -> Command:
        """Run a command; return it as the server took it."""
        if command.verb == "admin":
            inputs.warn_of_default(self.context)
        for sentence in command.unknown:
            self.context.log.info(sentence)
        taken = self._insist(command)
        if command.remembered is not None:  # an upgrade that is refused registers anew when it is tried again
            self.done.add(command.verb)
        if "--create" in command.options and not self.view.open_new().has_schema:
            # documented to leave a database that is there, if only an empty one, as it is
            extra = [argument for argument in command.options if commandline.named("database", argument) is None]
            self._run("database", ["--upgrade", *extra])
        return taken

    def _insist(self, command: Command) -> Command:
        """Run a command without those options that the server calls unrecognized, if the node can do without them."""
        while command.options:
            try:
                self._run(command.verb, command.options)
            except CommandError as error:
                command = self._without_refused(command, error)
            else:
                break
        return command

    def _without_refused(self, command: Command, error: CommandError) -> Command:
        """Return the command without the options that were refused. Raise NodeError (16) if it needs them."""
        context, verb = self.context, command.verb
        refused = commandline.unrecognized(error.output, command.options)
        names = [argument.partition("=")[0] for argument in refused]
        options = [commandline.named(verb, argument) for argument in refused]
        if None in options:
            raise NodeError(
                ExitCode.COMMAND,
                f"`{verb}` of version {context.version} doesn't know {', '.join(names)}: correct "
                f"OCTO_NODE_EXTRA_OPTIONS.\n{error}",
            ) from error
        if not refused or any(option is not None and option.needed for option in options):
            raise error
        context.log.warning(
            f"`{verb}` of version {context.version} doesn't know {', '.join(names)}: running it again without; what "
            "that sets stays as the server has it."
        )
        version.leave_out(context.applied, context.version, frozenset(f"{verb} {name}" for name in names))
        return command.without(refused)

    def _run(self, verb: str, options: Iterable[str]) -> None:
        context = self.context
        self._tick()  # the lock may have been lost since the last command
        context.progress.doing(f"running `{verb}`")
        with context.progress.step("commands"):
            try:
                context.instance.configure(verb, list(options), self._tick)
            except CommandError:
                self._tick()  # if SQL Server was lost, that is the cause
                self.view.touch()
                raise

    def try_free_licence(self) -> None:
        """Try to get a free licence for a new database, if none is given."""
        free_licence.try_free(self.context, self._tick)

    def import_if_due(self) -> None:
        """Run the import that was noted, if any."""
        data_import.run_if_due(self.context, self._tick)

    def _tick(self) -> None:
        if self.lock is not None:
            self.lock.check()
