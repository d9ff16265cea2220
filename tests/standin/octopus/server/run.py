"""run: the node from its start to its orderly stop."""

import os
import signal
import sys
import threading
import time

import pyodbc

from standin.octopus import about, control, instances, masterkey, nodes, schema, switches, tasks
from standin.octopus.commands import database
from standin.octopus.failures import ControlledFailureError
from standin.octopus.instances import Instance
from standin.octopus.log import complain, note, say
from standin.octopus.options import Options
from standin.octopus.sql import Database

from . import http
from .heart import Heart
from .processor import Processor
from .state import ServerState


STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


def run(options: Options) -> int:
    """Run the server until a signal, Enter or the end of stdin stops it."""
    state = ServerState(started=time.monotonic())
    received = _listen_for_signals(state)
    say(f"Octopus.Server.dll version {about.version()} ({about.version()}+Branch.release)")
    try:
        instance = instances.chosen(options)
        state.take(instance, database.of(instance))
        note(f"CommandLine: {' '.join(sys.argv)}")
        say(f"Using instance {instance.name}")
        say(f"Using database data source={state.database.server}, database={state.database.name}")
        _prepare_database(options, instance, state.database)
    except (ControlledFailureError, pyodbc.Error):
        complain("The Octopus server exited unexpectedly.", "FATAL")
        raise
    if not options.has("noninteractive"):
        _stop_with_stdin(state)
    return _serve(state, received)


def _listen_for_signals(state: ServerState) -> list[int]:
    """Turn a stop signal into an orderly stop, unless told to be deaf.

    The handler only writes into a pipe: setting an Event from it could deadlock with the wait it interrupts.
    """
    received: list[int] = []
    reader, writer = os.pipe()

    def ring(signum: int, _frame: object) -> None:
        os.write(writer, bytes([signum]))

    def listen() -> None:
        while signum := os.read(reader, 1):
            if not control.flag("ignore_term"):
                received.append(signum[0])
                state.stop.set()

    for signum in STOP_SIGNALS:
        signal.signal(signum, ring)
    threading.Thread(target=listen, daemon=True).start()
    return received


def _prepare_database(options: Options, instance: Instance, target: Database) -> None:
    """Refuse a newer schema, upgrade an older one, take the node's row."""
    say("The Octopus server is starting: Checking the database...")
    with target.connection() as connection:
        present = schema.state(connection)
        if present is not schema.State.ABSENT:
            if not options.has("skipDatabaseCompatibilityCheck"):
                schema.require_compatible(connection)
            masterkey.require_same(connection, instance.get(instances.MASTER_KEY))
    if not options.has("skipDatabaseSchemaUpgradeCheck"):
        database.upgraded(instance, target)
    name = instance.node_name
    with target.connection() as connection:
        nodes.register(connection, name)
        nodes.record_installation(connection, name)
        nodes.heartbeat(connection, name)
        _cancel_leftovers(connection, nodes.node_id(name))


def _cancel_leftovers(connection: pyodbc.Connection, node_id: str) -> None:
    """Cancel what an earlier process of this node left under way; tasks that only wait for a person go on."""
    for task in tasks.active(connection):
        if task.node_id == node_id and task.state != tasks.QUEUED:
            error = "The Octopus Server was restarted while this task was running."
            tasks.finish(connection, task.id, tasks.CANCELED, error)


def _serve(state: ServerState, received: list[int]) -> int:
    """Start the parts, wait for the stop, stop them in reverse."""
    heart, processor = Heart(state), Processor(state)
    heart.start()
    processor.start()
    servers: list[http.Server] = []
    if not state.stop.wait(control.number("ready_after", 0)):
        servers = http.listen(state)
    code = _wait(state)
    state.stop.set()
    say("The Octopus server is stopping...")
    for server in servers:
        server.shutdown()
        server.server_close()
    processor.finish()
    heart.finish()
    say("The Octopus server has stopped.")
    if received:
        return int(switches.number("term_exit"))
    return code


def _wait(state: ServerState) -> int:
    """Wait for the stop, or crash and exit as told."""
    while not state.stop.wait(0.1 if control.environment("CONTROL") else _until_crash(state)):
        crash, leave = control.setting("crash_run_after"), control.setting("run_exit")
        if crash is not None and state.uptime >= float(str(crash)):
            complain("The Octopus server exited unexpectedly.", "FATAL")
            sys.stdout.flush()
            os._exit(int(str(leave)) if leave is not None else 100)
        if crash is None and leave is not None:
            return int(str(leave))
    return 0


def _until_crash(state: ServerState) -> float | None:
    """How long to sleep when only the environment can ask for a crash."""
    crash, leave = control.environment("CRASH_RUN_AFTER"), control.environment("RUN_EXIT")
    if not crash and not leave:
        return None
    return max(0.01, float(crash or 0) - state.uptime)


def _stop_with_stdin(state: ServerState) -> None:
    """Stop at Enter or at the end of stdin, as the console host does."""

    def read() -> None:
        sys.stdin.readline()
        state.stop.set()

    say("Running. Press <Enter> to shut down...")
    threading.Thread(target=read, daemon=True).start()
