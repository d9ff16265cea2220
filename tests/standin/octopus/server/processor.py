"""The task queue of one node: takes tasks, runs their scripts as real processes, ends them."""

import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress

import pyodbc

from standin.octopus import control, nodes, switches, tasks
from standin.octopus.log import complain, note
from standin.octopus.tasks import Task

from .state import ServerState


SCRIPT_GRACE = 2.0


class Processor:
    """Polls the queue, and knows the scripts it has started."""

    def __init__(self, state: ServerState) -> None:
        self._state = state
        self._scripts: dict[str, subprocess.Popen[bytes]] = {}
        self._cancelling: dict[str, float] = {}
        self._thread = threading.Thread(target=self._poll, daemon=True)

    def start(self) -> None:
        """Start polling."""
        self._thread.start()

    def finish(self) -> None:
        """End the scripts; their tasks are canceled, or left to the next start."""
        self._thread.join(5)
        for script in self._scripts.values():
            script.terminate()
        for task_id, script in self._scripts.items():
            _wait_or_kill(script)
            if switches.value("stop_tasks") == "left":
                continue
            with suppress(pyodbc.Error), self._state.database.connection() as connection:
                error = "The Octopus Server was shut down while this task was running."
                tasks.finish(connection, task_id, tasks.CANCELED, error)

    def _poll(self) -> None:
        """Poll until the stop; SQL Server may come and go."""
        while not self._state.stop.wait(control.number("poll", 0.5)):
            try:
                with self._state.database.connection() as connection:
                    self._step(connection)
            except (pyodbc.Error, ValueError) as error:
                complain(f"The task queue could not be read: {error}", "WARN")

    def _step(self, connection: pyodbc.Connection) -> None:
        """Note what ended, end what is to be canceled, take more."""
        self._note_ended(connection)
        active = tasks.active(connection)
        own = [task for task in active if task.node_id == self._state.node_id]
        for task in own:
            if task.state == tasks.CANCELLING:
                self._cancel(connection, task)
        self._take(connection, active)

    def _note_ended(self, connection: pyodbc.Connection) -> None:
        for task_id, script in list(self._scripts.items()):
            code = script.poll()
            if code is None or task_id in self._cancelling:
                continue
            error = f"The script ended with exit code {code}." if code else ""
            tasks.finish(connection, task_id, tasks.FAILED if code else tasks.SUCCESS, error)
            del self._scripts[task_id]

    def _cancel(self, connection: pyodbc.Connection, task: Task) -> None:
        """End the script; the task may be told to stick in Cancelling for a while."""
        since = self._cancelling.setdefault(task.id, time.monotonic())
        stick = task.arguments.get("StickInCancelling", control.number("cancel_stick", 0))
        script = self._scripts.get(task.id)
        if script is not None and script.poll() is None:
            script.terminate()
        if time.monotonic() - since >= float(str(stick)) and (script is None or script.poll() is not None):
            tasks.finish(connection, task.id, tasks.CANCELED, "The task was canceled.")
            self._scripts.pop(task.id, None)
            del self._cancelling[task.id]

    def _take(self, connection: pyodbc.Connection, active: list[Task]) -> None:
        """Take queued tasks up to the cap, unless the node is draining."""
        node = nodes.find(connection, self._state.name)
        if node is None or node.draining:
            return
        room = node.cap - tasks.running_count(connection, node.id)
        for task in active:
            if room <= 0:
                return
            takes = task.state == tasks.QUEUED and not task.paused and task.node_id in {"", node.id}
            if takes and tasks.claim(connection, task, node.id) and task.interruption != tasks.MANUAL:
                room -= 1
                self._start(task)

    def _start(self, task: Task) -> None:
        """Start a task's script, in the server's own process group as the real one does."""
        note(f"Starting task {task.id}: {task.description}")
        try:
            self._scripts[task.id] = subprocess.Popen(_command(task.arguments), stdin=subprocess.DEVNULL)
        except OSError as error:
            complain(f"The script of {task.id} could not be started: {error}")
            self._scripts[task.id] = subprocess.Popen([sys.executable, "-ISc", "raise SystemExit(127)"])


def _command(arguments: Mapping[str, object]) -> list[str]:
    """The command of a task; one that only takes its time if none is given."""
    given = arguments.get("Command")
    if isinstance(given, list) and given:
        return [str(word) for word in given]
    seconds = str(arguments.get("Seconds", 1))
    return [sys.executable, "-I", "-S", "-c", "import sys, time; time.sleep(float(sys.argv[1]))", seconds]


def _wait_or_kill(script: subprocess.Popen[bytes]) -> None:
    try:
        script.wait(SCRIPT_GRACE)
    except subprocess.TimeoutExpired:
        script.kill()
        script.wait()
