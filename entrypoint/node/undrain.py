"""Undrain: take tasks again."""

import time

from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode
from entrypoint.octopus.command_runner import Runner
from entrypoint.settings.configuration import Configuration
from entrypoint.structured_log import Logger

from . import drain_flag, drain_lock, server_process
from .container_log import CutOffNote
from .drain_deadlines import Deadlines
from .drain_messages import ThrottledLog
from .task_counters import NodeWatch


ASK_SECONDS = 0.25
GRACE_SECONDS = 30.0  # that it may last beyond --wait: a command that has begun, the last look


def undrain(configuration: Configuration, runner: Runner, log: Logger, wait: float) -> None:
    """Undrain this node within `wait` seconds; `runner` runs the server's command.

    Raise NodeError (21) if it can't be reached.
    """
    base = configuration.base
    folder = server_process.find_folder(base)
    found = server_process.find(base.paths, folder)
    if found is None:
        raise NodeError(
            ExitCode.NODE_UNREACHABLE,
            "Octopus.Server isn't running here, so it can't be undrained; a node that starts is undrained by itself.",
        )
    deadlines = Deadlines(wait, 0.0, GRACE_SECONDS)
    watch = NodeWatch(configuration.settings(), log)
    teller = ThrottledLog(log)
    command = drain_flag.NodeCommand(
        base.paths, runner, lambda: teller.tell("command", "The command hasn't ended yet.")
    )
    switch = drain_flag.DrainFlag(command, log, on=False)
    with drain_lock.undraining(folder, wait, log):
        while not switch.is_set:
            switch.try_again(deadlines.left)
            switch.seen(watch.flag(deadlines).known)
            if deadlines.is_over:
                break
            time.sleep(ASK_SECONDS)
        if not switch.is_set:
            raise switch.failure()
        drain_lock.want_undrained(folder, log)
        CutOffNote(folder, server_process.supervisor(folder, found)).remove()
        _wait_until_it_takes_tasks(watch, teller, deadlines, wait)
    log.info("The node takes tasks again.")


def _wait_until_it_takes_tasks(watch: NodeWatch, teller: ThrottledLog, deadlines: Deadlines, wait: float) -> None:
    """Return when the node answers as one that takes tasks. Raise NodeError (21) after the deadline."""
    while not (flag := watch.flag(deadlines)).takes_tasks:
        if deadlines.is_over:
            raise NodeError(
                ExitCode.NODE_UNREACHABLE,
                f"The node was undrained, but it didn't answer as such within {wait:g} s: {flag.words}. Look into "
                "its log.",
            )
        teller.tell(flag.words, f"The node doesn't take tasks yet: {flag.words}.")
        time.sleep(ASK_SECONDS)
