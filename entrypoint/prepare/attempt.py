"""From a SQL Server that takes logins to a configured node.

Decisions rest on the last look at the database; where something is written, that look is taken under the lock.
"""

import dataclasses
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pyodbc

from entrypoint.octopus import nodes, tables
from entrypoint.octopus.runner import CommandError
from entrypoint.octopus.tables import EMPTY
from entrypoint.sqlserver.connect import ConnectError, connect, describe
from entrypoint.sqlserver.verdicts import classify
from entrypoint.sqlserver.wait import Ready

from . import importing, instance, others, plan, refusals, situation
from .context import Context, wait_for_sql
from .guard import Guard, LostError
from .plan import GUARDED, Command, Situation


LOCKED = 1222  # SQL Server's error for a table that somebody else has locked


class Attempt:
    """One attempt, as long as SQL Server stays; `done` are the verbs that were run."""

    def __init__(self, context: Context, ready: Ready) -> None:
        self.context = context
        self.ready = ready
        self.done: set[str] = set()
        self._guard: Guard | None = None  # while it is held
        self._key: str | None = None
        self._watch = nodes.Watch()
        self._believed: bool | None = None  # whether the memory was, at the first look

    def run(self) -> None:
        """Configure the node. Raise LostError if SQL Server goes away, another NodeError if it can't be configured."""
        try:
            with self.context.progress.step("guard"):
                found = self._look()
            if found.needs_schema:
                found = self._agree_on_schema(found)
            self._configure(found)
        except (ConnectError, pyodbc.Error) as error:
            raise self._lost(error) from error

    def _lost(self, error: ConnectError | pyodbc.Error) -> LostError:
        reason = describe(error, self.context.settings.db_connection_string.password)
        if isinstance(error, pyodbc.Error) and classify(error).number == LOCKED:
            self.context.progress.doing("waiting for another node to finish upgrading the schema")
            reason = "its tables are locked, probably by another node that upgrades the schema"
        return LostError(reason)

    def _look(self) -> Situation:
        """Return the situation as it is now. Raise NodeError (11, 14) if the database must not be touched."""
        context = self.context
        if self.ready.connection is None:
            self.ready = wait_for_sql(context.settings, context.progress, context.log)
        installed = EMPTY if self.ready.connection is None else tables.look(self.ready.connection)
        if installed.is_foreign and self._guard is None:
            # it may be ours, half made: what is there is known for sure under the lock
            with self._held() as found:
                return found
        refusals.check(installed, context)
        found = situation.find(self.ready.connection, installed, context)
        if self._believed is None:
            self._believed = found.believed
        # what this attempt itself remembers meanwhile doesn't make the memory an old one
        return dataclasses.replace(found, believed=self._believed)

    def _others_alive(self) -> tuple[list[str], float]:
        """Return who else is alive, and how many seconds it takes to be sure of the rest."""
        if self.ready.connection is None:
            return [], 0.0
        name = self.context.settings.octopus_server_node_name
        return self._watch.alive(nodes.others(self.ready.connection, name))

    @contextmanager
    def _held(self) -> Iterator[Situation]:
        """Hold the lock, and give the situation as it is under it."""
        context = self.context
        guard = Guard(self.ready, context.settings.db_connection_string, context.log)
        try:
            with context.progress.step("guard"):
                guard.acquire(context.deadline, context.progress.doing)
                self._guard = guard
                found = self._look()
            yield found
        finally:
            self._guard = None
            guard.release()

    def _agree_on_schema(self, found: Situation) -> Situation:
        """Make or upgrade the schema, unless another node was faster; return the situation after that."""
        pauses = others.pauses()
        while found.needs_schema:
            with self.context.progress.step("guard"):
                found = others.wait(self.context, found, self._look, self._others_alive)
            with self._held() as found:
                if found.is_new or (found.is_older and self._others_alive() == ([], 0.0)):
                    try:
                        self._make_schema(found)
                    except CommandError as error:
                        others.check_refusal(error, self.context)
                    else:
                        return dataclasses.replace(found, is_new=False, is_older=False)
            if found.needs_schema:
                time.sleep(next(pauses))
        return found

    def _make_schema(self, found: Situation) -> None:
        if not found.is_finished:
            importing.expect(self.context)
        if found.is_new:
            self.context.memory.note_making(situation.place(self.context))
        self._run(command for command in self._commands(found) if command.verb != "node")
        importing.run_if_due(self.context, tick=self._tick)

    def _configure(self, found: Situation) -> None:
        """Run what is missing besides the schema, and what writes to Octopus's tables under the lock."""
        self._run(command for command in self._commands(found) if command.verb not in {*GUARDED, "node"})
        guarded = [command for command in self._commands(found) if command.verb in GUARDED]
        if any(command.run for command in guarded):
            with self._held() as under_lock:
                now = dataclasses.replace(under_lock, is_new=False, is_older=False)
                self._run(command for command in self._commands(now) if command.verb in GUARDED)
        self._run(self._commands(found))
        importing.run_if_due(self.context, tick=self._tick)
        if not self.done:
            self.context.log.info("This node is configured as it was: no command is run.")

    def _commands(self, found: Situation) -> list[Command]:
        if self._key is None:
            self._key = situation.master_key(self.context, found)
        inputs = situation.inputs(self.context, found, self._key or None)
        memory = self.context.memory
        return [command for command in plan.commands(inputs, found, memory) if command.verb not in self.done]

    def _run(self, commands: Iterable[Command]) -> None:
        for command in commands:
            if command.run:
                self._run_one(command)
            if command.digest is not None:
                self.context.memory.remember(command.verb, command.digest, self._identity())
            if command.verb == "database" and "--create" in command.options:
                self._see_that_it_was_made()
            if command.verb == "database" and command.digest is not None:
                self.context.memory.remember_schema(self.context.version.text)

    def _run_one(self, command: Command) -> None:
        context = self.context
        context.progress.doing(f"running `{command.verb}`")
        if command.verb == "admin":
            situation.warn_of_default(context)
        with context.progress.step("commands"):
            instance.configure(context.environ, command.verb, command.options, context.log, self._tick)
        if command.digest is not None:  # an upgrade that is refused registers anew when it is tried again
            self.done.add(command.verb)

    def _see_that_it_was_made(self) -> None:
        """Bring the schema up where `--create` left a database that was there, but empty, as it was."""
        self._identity()
        if self.ready.connection is not None and not tables.look(self.ready.connection).has_schema:
            context = self.context
            with context.progress.step("commands"):
                instance.configure(context.environ, "database", ["--upgrade"], context.log, self._tick)

    def _tick(self) -> None:
        if self._guard is not None:
            self._guard.check()

    def _identity(self) -> dict[str, str] | None:
        """Return what tells the database from any other; None while there is none."""
        where = self.context.settings.db_connection_string
        if self.ready.connection is None and "database" in self.done:
            self.ready = dataclasses.replace(self.ready, connection=connect(where))
        created = None if self.ready.connection is None else tables.created(self.ready.connection)
        return situation.identity(created, where)
