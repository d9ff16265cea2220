"""node: the task cap, and drain, with what is known of its waits."""

import time

import pyodbc

from standin.octopus import about, control, instances, nodes, switches, tasks
from standin.octopus.failures import ControlledFailureError
from standin.octopus.log import say
from standin.octopus.options import Options

from .settings import ready_database


WAITS_LONG_SINCE = "2025.3.10568"
SHORTEST_CANCEL_WAIT = 5.0
_INTERVAL = 0.1


def node(options: Options) -> int:
    """Change the task cap or the drain flag of this node."""
    draining = _wanted(options)
    instance = instances.chosen(options)
    name = instance.node_name
    with ready_database(options, instance) as connection:
        nodes.register(connection, name)
        if options.has("taskCap"):
            nodes.set_cap(connection, name, _cap(options.get("taskCap")))
            say(f"Setting task cap to {options.get('taskCap')}")
        if draining is None:
            return 0
        _fail_if_told()
        nodes.set_draining(connection, name, draining=draining)
        say(f"Node {name} is {'now draining' if draining else 'no longer draining'}.")
        return _wait(options, connection, name) if draining else 0


def _wanted(options: Options) -> bool | None:
    """The value of --drain; the options that go with it are refused without it."""
    draining = {"": None, "true": True, "false": False}.get(options.get("drain").lower(), "wrong")
    if isinstance(draining, str):
        raise ControlledFailureError("--drain must be true or false.")
    if not draining and (options.has("wait") or options.has("cancel-tasks")):
        raise ControlledFailureError("--wait and --cancel-tasks can only be used with --drain=true.")
    return draining


def _wait(options: Options, connection: pyodbc.Connection, name: str) -> int:
    """Wait for this node's tasks, cancel them if asked for, wait again."""
    seconds = float(options.get("wait", "0"))
    ended = _wait_for_tasks(connection, name, seconds)
    if ended is None:
        say("Node appears to be offline so it is considered drained.")
        return 0
    if not ended and options.has("cancel-tasks"):
        say("Cancelling the tasks that are still running.")
        tasks.cancel_all(connection, nodes.node_id(name))
        fallback = max(seconds, SHORTEST_CANCEL_WAIT)
        cancel_wait = float(options.get("cancel-wait", str(fallback)))
        ended = bool(_wait_for_tasks(connection, name, cancel_wait))
    if ended:
        say(f"Node {name} has no running tasks.")
        return 0
    left = tasks.running_count(connection, nodes.node_id(name))
    say(f"Node {name} still has {left} running task(s).")
    exits = switches.value("drain_exit")
    return int(exits == "always" or (exits == "waited" and seconds > 0))


def _wait_for_tasks(connection: pyodbc.Connection, name: str, seconds: float) -> bool | None:
    """Whether the tasks ended in time; nothing if an old server gave up early (issue 9561)."""
    cut = control.number("drain_cut", 300) if about.older_than(WAITS_LONG_SINCE) else float("inf")
    start = time.monotonic()
    while tasks.running_count(connection, nodes.node_id(name)):
        waited = time.monotonic() - start
        if waited >= seconds:
            return False
        if waited >= cut:
            return None
        time.sleep(_INTERVAL)
    return True


def _cap(text: str) -> int:
    if not text.isdigit():
        raise ControlledFailureError(f"The task cap must be a number, not '{text}'.")
    return int(text)


def _fail_if_told() -> None:
    times = int(control.number("drain_error_times", 0))
    if times and control.spend("drain", times):
        raise RuntimeError("Object reference not set to an instance of an object.")
