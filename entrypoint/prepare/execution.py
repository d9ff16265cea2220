"""Running the commands of the plan, and remembering them."""

from collections.abc import Iterable

from entrypoint.octopus import version
from entrypoint.octopus.runner import CommandError

from . import importing, instance, plan, situation
from .context import Context
from .plan import Command, Situation
from .view import View


TYPE_CHECKING = False
if TYPE_CHECKING:
    from .guard import Guard


class Execution:
    """The commands of one attempt: `done` are the verbs that were run, `guard` the locks while they are held."""

    def __init__(self, context: Context, view: View) -> None:
        self.context = context
        self.view = view
        self.done: set[str] = set()
        self.guard: Guard | None = None
        self._key: str | None = None

    def commands(self, found: Situation) -> list[Command]:
        """Return what is left to do in the situation `found`."""
        if self._key is None:
            self._key = situation.master_key(self.context, found)
        inputs = situation.inputs(self.context, found, self._key)
        planned = plan.commands(inputs, found, self.context.memory)
        return [command for command in planned if command.verb not in self.done]

    def run(self, commands: Iterable[Command]) -> None:
        """Run `commands`, or only remember those that the database has already."""
        memory = self.context.memory
        for command in commands:
            if command.run:
                self._configure(command)
            if command.digest is not None:
                memory.remember(command.verb, command.digest, self.view.identity())
            if command.verb == "database" and command.digest is not None:
                version.remember_schema(memory, self.context.version)

    def _configure(self, command: Command) -> None:
        if command.verb == "admin":
            situation.warn_of_default(self.context)
        self._command(command.verb, command.options)
        if command.digest is not None:  # an upgrade that is refused registers anew when it is tried again
            self.done.add(command.verb)
        if "--create" in command.options and not self.view.open_new().has_schema:
            # documented to leave a database that is there, if only an empty one, as it is
            self._command("database", ["--upgrade"])

    def _command(self, verb: str, options: Iterable[str]) -> None:
        context = self.context
        self._tick()  # the lock may have been lost since the last command
        context.progress.doing(f"running `{verb}`")
        with context.progress.step("commands"):
            try:
                instance.configure(context.environ, verb, list(options), context.log, self._tick)
            except CommandError:
                self._tick()  # if SQL Server was lost, that is the cause
                self.view.touch()
                raise

    def import_if_due(self) -> None:
        """Run the import that was noted, if any."""
        importing.run_if_due(self.context, self._tick)

    def _tick(self) -> None:
        if self.guard is not None:
            self.guard.check()
