"""Settle: waits until the started server answers and takes tasks, and undrains it if necessary."""

import time

import pyodbc

from entrypoint.base import state_reader
from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode
from entrypoint.octopus import tables, version
from entrypoint.octopus.applied_state import AppliedState
from entrypoint.octopus.command_runner import Runner
from entrypoint.settings.configuration import Settings
from entrypoint.sqlserver.connect import ConnectError, connect, describe
from entrypoint.sqlserver.login_timeouts import longest_login
from entrypoint.structured_log import Logger

from . import boot_summary, drain_flag, drain_lock
from .drain_messages import ThrottledLog
from .task_counters import NodeWatch


ASK_SECONDS = 0.25
ANSWER_SECONDS = 5
UNDRAIN_PAUSE = (1.0, 30.0)  # seconds before undrain is tried again: the first time, and at most


def settle(settings: Settings, runner: Runner, log: Logger) -> None:
    """Return when the node answers and isn't drained; undrain it if it is, unless that was asked for.

    The server's command for that is run by `runner`. Raise NodeError (14) if another node migrated the database since
    this one looked.
    """
    folder = state_reader.find_folder(settings.base.run_dir)
    _check_version(settings, log)
    watch, teller = NodeWatch(settings, log), ThrottledLog(log)
    pause, next_try = UNDRAIN_PAUSE[0], 0.0
    while not (flag := watch.flag()).takes_tasks:
        if flag.draining:
            if not _is_ours_to_undrain(settings, folder):
                log.info("The node answers and stays drained.")
                break
            if time.monotonic() >= next_try:
                _undrain(settings, runner, folder, log)
                next_try = time.monotonic() + pause
                pause = min(pause * 2, UNDRAIN_PAUSE[1])
        else:
            teller.tell(flag.status, f"The node doesn't answer normally yet: {flag.words}.")
        time.sleep(ASK_SECONDS)
    _check_version(settings, log)  # Octopus notes its version when its server runs: maybe only now
    boot_summary.tell(settings, folder, log)


def _check_version(settings: Settings, log: Logger) -> None:
    paths = settings.base.paths
    executable = (paths.server_command() or [""])[-1]
    own = version.known(AppliedState(paths), executable)
    try:
        string = settings.db_connection_string
        with connect(string, login_timeout=longest_login(string), query_timeout=ANSWER_SECONDS) as connection:
            newest = tables.newest_version(connection)
    except (ConnectError, pyodbc.Error) as error:
        log.warning(
            "SQL Server can't be queried for the version that was installed last.",
            reason=describe(error, settings.db_connection_string.password),
        )
        return
    if own is not None and version.is_too_new(newest, own):
        raise NodeError(
            ExitCode.NEWER_DATABASE,
            f"Another node upgraded the database to version {newest} while this one, {own}, was starting: "
            f"start version {newest} or later.",
        )


def _is_ours_to_undrain(settings: Settings, folder: str | None) -> bool:
    return settings.octo_node_undrain == "always" and not drain_lock.is_drained_on_purpose(folder)


def _undrain(settings: Settings, runner: Runner, folder: str | None, log: Logger) -> None:
    log.info("The node is drained: undraining it.")
    teller = ThrottledLog(log)
    try:
        with drain_lock.undraining(folder, 0.0, log):
            command = drain_flag.NodeCommand(
                settings.base.paths, runner, lambda: teller.tell("", "The command hasn't ended yet.")
            )
            command.run("--drain=false")
    except NodeError as error:
        log.warning(str(error))
