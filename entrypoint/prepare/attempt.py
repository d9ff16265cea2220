"""One attempt to configure the node on a SQL Server that accepts logins.

Decisions rest on the last look at the database; where something is written, that look is taken under the lock.
"""

import dataclasses
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pyodbc

from entrypoint.octopus.command_runner import CommandError
from entrypoint.prepare.configure import data_import, unapplied_settings
from entrypoint.prepare.configure.execution import Execution
from entrypoint.prepare.configure.plan import SETTINGS
from entrypoint.prepare.schema import earlier_installation, live_nodes, refusals
from entrypoint.prepare.schema.database_view import DatabaseView, is_locked
from entrypoint.prepare.schema.schema_lock import EXCLUSIVE, SHARED, SchemaLock
from entrypoint.prepare.schema.upgrade_notice import UpgradeNotice
from entrypoint.sqlserver.connect import ConnectError
from entrypoint.sqlserver.wait import Ready

from .context import Context
from .situation import Situation


class Attempt:
    """One attempt, as long as SQL Server stays."""

    def __init__(self, context: Context, ready: Ready) -> None:
        self.context = context
        self.view = DatabaseView(context, ready)
        self.execution = Execution(context, self.view)
        self.notice = UpgradeNotice(ready, context.version.text)

    def run(self) -> None:
        """Configure the node. Raise LostError if SQL Server goes away, another NodeError if it can't be configured."""
        try:
            with self.context.progress.step("guard"):
                found = self._look()
            reminder = earlier_installation.reminder(self.context, found)
            if reminder is not None:
                self.context.log.warning(reminder)
            if found.needs_schema:
                found = self._agree_on_schema(found)
            self._configure(found)
            earlier_installation.end(self.context)
            unapplied_settings.say(self.context)
            self.notice.let_others_read()
        except (ConnectError, pyodbc.Error) as error:
            raise self.view.failed(error) from error
        finally:
            self.notice.close()

    def _look(self) -> Situation:
        """Return the situation as it is now. Raise NodeError (11, 14) if the database must not be touched."""
        try:
            installed = self.view.installed()
            if self.execution.lock is not None or not installed.is_foreign:
                refusals.check(installed, self.context)
                return self.view.situation(installed)
        except pyodbc.Error as error:
            if self.execution.lock is not None or not is_locked(error):
                raise
        # another node is at it, or what looks foreign is ours, half made: under the lock it is known for sure
        with self._held(SHARED) as found:
            return found

    @contextmanager
    def _held(self, mode: str) -> Iterator[Situation]:
        """Hold the lock, and give the situation as it is under it."""
        context, view = self.context, self.view
        lock = SchemaLock(view.ready.connection_string, context.log, mode)
        try:
            with context.progress.step("guard"):
                if mode == EXCLUSIVE:
                    self.notice.connect_early()
                if view.ready.master_ok:
                    lock.acquire_master(context.deadline, context.progress.doing)
                    self.notice.check_posted()
                    if view.ready.connection is None:
                        view.installed()  # somebody may have made the database meanwhile
                if view.ready.connection is not None:
                    lock.acquire(context.deadline, context.progress.doing)
                    self.notice.check_posted()
                self.execution.lock = lock
                found = self._look()
            yield found
        finally:
            self.execution.lock = None
            lock.release()

    def _agree_on_schema(self, found: Situation) -> Situation:
        """Make or upgrade the schema, unless another node was faster; return the situation after that."""
        refusals.check_skipped(self.context)
        pauses = live_nodes.pauses()
        while found.needs_schema:
            with self.context.progress.step("guard"):
                found = live_nodes.wait(self.context, found, self._look, self.view.others_alive)
            with self._held(EXCLUSIVE) as under_lock:
                found = self._brought_up(under_lock)
            if found.needs_schema:
                time.sleep(next(pauses))
        return found

    def _brought_up(self, found: Situation) -> Situation:
        """Return the situation, under the lock, after the schema was made or upgraded, unless it mustn't be now."""
        done = dataclasses.replace(found, is_new=False, is_older=False)
        if found.is_older and self.notice.is_posted:
            self.view.note_history()
            return done
        if found.is_new or (found.is_older and self.view.others_alive() == ([], 0.0)):
            try:
                self._make_schema(found)
            except CommandError as error:
                live_nodes.check_refusal(error, self.context)
            else:
                self.notice.post()
                self.view.note_history()
                return done
        return found

    def _make_schema(self, found: Situation) -> None:
        if found.is_new:
            earlier_installation.begin(self.context)
        if not found.is_finished:
            data_import.expect(self.context)
        self.execution.run(command for command in self.execution.commands(found) if command.verb != "node")
        if found.is_new:
            self.execution.try_free_licence()
        self.execution.import_if_due()

    def _configure(self, found: Situation) -> None:
        """Run what is missing besides the schema, and what writes to Octopus's tables under the lock."""
        execution = self.execution
        execution.run(command for command in execution.commands(found) if command.verb not in {*SETTINGS, "admin"})
        for verbs, mode in ((SETTINGS, SHARED), ({"admin"}, EXCLUSIVE)):
            if any(command.verb in verbs and command.run for command in execution.commands(found)):
                with self._held(mode) as under_lock:
                    now = dataclasses.replace(under_lock, is_new=False, is_older=False)
                    execution.run(command for command in execution.commands(now) if command.verb in verbs)
        execution.run(execution.commands(found))
        execution.import_if_due()
        if not execution.done:
            self.context.log.info("The configuration is unchanged: no command is run.")
