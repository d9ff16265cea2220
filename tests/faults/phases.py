"""The phases in which a fault may strike: how a node is brought into each, held there, and let go on to its end."""

import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import pyodbc
import tasks
from node import DATABASE, Node
from processes import wait_until

from .rig import Rig


OLDER = "2026.1.50"
STATUS_503 = {"path": "all", "status": 503}
TERMINATED = 128 + signal.SIGTERM
KILLED = 128 + signal.SIGKILL
LONG = 400.0  # seconds: a server waits half a minute for each session that SQL Server has forgotten


@dataclass(frozen=True)
class Phase:
    """One phase: `reach` starts a node that stays in it, with what `environ` sets, and `finish` lets it go on.

    `finish` returns the exit code, which is `code` in a life without a fault.
    """

    name: str
    reach: Callable[[Rig], None]
    finish: Callable[[Rig], int]
    code: int = 0
    environ: Mapping[str, str] = field(default_factory=dict)


def up_and_down(rig: Rig) -> int:
    """Open what the node waits for, wait until it is up, stop it; return the exit code."""
    rig.gate.touch()
    rig.kept.close()
    rig.node.control()
    rig.node.wait_log("The node is up.", LONG)
    return rig.node.terminate(seconds=LONG)


# --- before the server is started


def _preflight(rig: Rig) -> None:
    rig.node.environment["FAULTS_GATE"] = "preflight"
    rig.start()
    rig.wait_reached()


def _sql(rig: Rig) -> None:
    rig.sql.kill()
    rig.start()
    rig.node.wait_log("refused")


def _sql_is_back(rig: Rig) -> int:
    if rig.sql.process is None:
        rig.sql.launch()
    return up_and_down(rig)


def _lock(rig: Rig) -> None:
    lock = "EXEC sp_getapplock @Resource = ?, @LockMode = 'Exclusive', @LockOwner = 'Session'"
    rig.another().execute(lock, f"octo-node:schema:{DATABASE.lower()}")
    rig.start()
    rig.node.wait_log("Waiting for")


def _nodes(rig: Rig) -> None:
    older = rig.kept.enter_context(Node(rig.folder / "older", rig.sql, OLDER, **_older(rig)))
    older.start().wait_phase("up")
    rig.kept.callback(_until_offline, rig, older)
    rig.start()
    rig.node.wait_log("other nodes still run on it: octopus-older")


def _older(rig: Rig) -> dict[str, str]:
    kept = {
        name: text for name, text in rig.node.environment.items() if name in {"MASTER_KEY", "ODBCSYSINI", "ODBCINI"}
    }
    return {
        "OCTOPUS_SERVER_NODE_NAME": "octopus-older",
        "STANDIN_OCTOPUS_HEARTBEAT": "1",
        "STANDIN_OCTOPUS_DRIVER": rig.node.environment.get("STANDIN_OCTOPUS_DRIVER", ""),
        **kept,
    }


def _until_offline(rig: Rig, older: Node) -> None:
    """Cut the older node off, and forget it: who isn't offline counts as alive for minutes."""
    older.close()
    with suppress(pyodbc.Error):  # SQL Server may be what is gone
        rig.sql.query(DATABASE, "DELETE FROM OctopusServerNodeStatus")


def _command(verb: str) -> Phase:
    def reach(rig: Rig) -> None:
        rig.hold(verb)
        rig.start()
        rig.wait_reached()

    return Phase(f"`{verb}`", reach, up_and_down)


# --- with a server


def _starting(rig: Rig) -> None:
    rig.node.control(answers=STATUS_503)
    rig.start()
    rig.node.wait_log("answered 503")


def _up(rig: Rig) -> None:
    rig.start()
    rig.node.wait_phase("up")


def _draining(rig: Rig) -> None:
    _up(rig)
    tasks.task(rig.node, 600, Command=["sh", "-c", f"until test -e {rig.gate}; do sleep 0.1; done"])
    rig.node.send()
    if rig.node.is_mute:  # a drain's words are in the container's log alone
        wait_until(lambda: rig.node.state("drain"), what="the drain has begun")
    else:
        rig.node.wait_log("1 task running")


def _drained(rig: Rig) -> int:
    rig.gate.touch()
    return rig.node.wait(LONG)


def _held(rig: Rig) -> None:
    rig.start()
    rig.node.wait_phase("held")


def _stopping(rig: Rig) -> None:
    rig.node.control(ignore_term=True)
    _up(rig)
    rig.node.send()
    rig.node.wait_phase("stopping")


def _stopped(rig: Rig) -> int:
    return rig.node.wait()


COMMANDS = ("version", "create-instance", "database", "configure", "path", "admin", "license", "node")
PHASES = (
    Phase("preflight", _preflight, up_and_down),
    Phase("waiting for SQL Server", _sql, _sql_is_back),
    Phase("waiting for the lock", _lock, up_and_down),
    Phase("waiting for other nodes", _nodes, up_and_down, environ={"STANDIN_OCTOPUS_NO_NODE_CHECK": "true"}),
    *(_command(verb) for verb in COMMANDS),
    Phase("starting", _starting, up_and_down),
    Phase("up", _up, up_and_down),
    Phase("draining", _draining, _drained, environ={"OCTO_NODE_DRAIN_ON_STOP": "170"}),
    Phase("held", _held, lambda rig: rig.node.terminate(), TERMINATED, {"OCTO_NODE_HOLD": "Y"}),
    Phase("stopping", _stopping, _stopped, KILLED, {"OCTO_NODE_STOP_TIMEOUT": "8"}),
)
BY_NAME = {phase.name: phase for phase in PHASES}
PREFLIGHT, SQL, LOCK, NODES = (phase.name for phase in PHASES[:4])
VERBS = tuple(phase.name for phase in PHASES[4 : 4 + len(COMMANDS)])
STARTING, UP, DRAINING, HELD, STOPPING = (phase.name for phase in PHASES[4 + len(COMMANDS) :])
BOOTING = (PREFLIGHT, SQL, LOCK, NODES, *VERBS)
PREPARING = BOOTING[1:]
SOME_COMMANDS = tuple(f"`{verb}`" for verb in ("database", "configure", "node"))
# what lasts for a node's whole life is there in all phases before these as well
WHOLE_LIFE = (UP, DRAINING, HELD, STOPPING)
ANY = tuple(name for name in BY_NAME if name not in VERBS or name in SOME_COMMANDS)


def restarted(rig: Rig) -> int:
    """Start the node again after its end, as a container's restart policy does; return the exit code of its stop."""
    phase = "held" if rig.node.environment.get("OCTO_NODE_HOLD") else "up"
    rig.gate.touch()
    rig.kept.close()
    rig.node.control()
    if rig.sql.process is None:
        rig.sql.launch()
    rig.start()
    rig.node.wait_log(f"The node is {phase}")  # its state file is still that of before, at first
    return rig.node.terminate()
