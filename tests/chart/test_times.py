"""The times that the chart computes: nothing is cut off, nothing is killed that octo-node would end itself."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from chart import helm
from chart.helm import Object
from processes import NAMESPACE, OCTO_NODE

from entrypoint import http_probe
from entrypoint.init import dockerd, node_processes
from entrypoint.node import drain
from entrypoint.octopus import commandline


SERVER_START = 300  # seconds that a start may take after everything else
# between TERM and the end of the last process, if each has to be killed, besides the server's own time
LADDER = (
    node_processes.GROUP_SECONDS
    + dockerd.STOP_SECONDS
    + node_processes.REST_SECONDS
    + 4 * node_processes.AFTER_KILL_SECONDS
)


def only(**given: object) -> tuple[Object, Object]:
    """Return the one pod of these values, and its container."""
    found = helm.render(**{f"octopus.{name.replace('__', '.')}": value for name, value in given.items()})
    return next(found.pods), next(found.containers)


@pytest.mark.parametrize("wait", [0, 600, 3600])
@pytest.mark.parametrize("cancel_wait", [0, 60])
@pytest.mark.parametrize("stop", [10, 30, 300])
def test_a_stop_has_the_time_it_needs(wait: int, cancel_wait: int, stop: int) -> None:
    """Drain, cancelled tasks, server and what it leaves all fit into the pod's grace period, with a margin."""
    given = {"drain__wait": wait, "drain__cancelWait": cancel_wait, "stopTimeout": stop, "upgradeWait": 7200}
    pod, container = only(**given)
    needed = wait + cancel_wait + drain.GRACE_SECONDS + stop + LADDER
    assert pod["terminationGracePeriodSeconds"] == wait + cancel_wait + drain.GRACE_SECONDS + stop + 25 + 35
    assert needed <= pod["terminationGracePeriodSeconds"] <= needed + 60
    assert helm.environment(container)["OCTO_NODE_STOP_TIMEOUT"] == str(stop)
    assert "OCTO_NODE_DRAIN_ON_STOP" not in helm.environment(container)


def test_a_kill_has_the_time_of_every_stop() -> None:
    """A liveness probe is as patient as the makers' own (30 s, 10 times), and its kill leaves the drain its time."""
    _, container = only()
    probe = container["livenessProbe"]
    assert (probe["periodSeconds"], probe["failureThreshold"]) == (30, 10)
    assert "terminationGracePeriodSeconds" not in probe


@pytest.mark.parametrize("period", [5, 7, 30])
@pytest.mark.parametrize("sql", [0, 600])
@pytest.mark.parametrize("upgrade", [1800, 7200])
def test_a_start_is_not_killed_while_it_waits(period: int, sql: int, upgrade: int) -> None:
    """The startup probe gives up after octo-node would have, and at most one question later."""
    _, container = only(probes__startup__periodSeconds=period, sqlWait=sql, upgradeWait=upgrade)
    budget = container["startupProbe"]["failureThreshold"] * period
    needed = sql + upgrade + sum(commandline.SECONDS.values()) + SERVER_START
    assert needed <= budget < needed + period
    environment = helm.environment(container)
    assert environment["OCTO_NODE_SQL_WAIT"] == str(sql)
    assert environment["OCTO_NODE_UPGRADE_WAIT"] == str(upgrade)


def commands(container: Object) -> Iterator[list[str]]:
    """Yield the commands that kubelet runs in a container."""
    yield from (container[name]["exec"]["command"] for name in ("startupProbe", "livenessProbe", "readinessProbe"))
    yield container["lifecycle"]["preStop"]["exec"]["command"]


@pytest.mark.parametrize("kind", ["startup", "liveness", "readiness"])
def test_probes(kind: str) -> None:
    """A probe gives its answer before kubelet would end it."""
    _, container = only(**{f"probes__{kind}__timeoutSeconds": 3})
    found = container[f"{kind}Probe"]
    program, verb, *arguments = found["exec"]["command"]
    asked, timeout, url = http_probe.parse(arguments)
    assert (program, verb, asked, url) == (helm.PROGRAM, "probe", kind, None)
    assert timeout < found["timeoutSeconds"] == 3
    assert found["periodSeconds"] <= (30 if kind == "liveness" else 10)


def test_verbs_and_options_exist(tmp_path: Path) -> None:
    """octo-node takes each command that kubelet runs; without a server there is nothing to drain, and no answer."""
    containers = [container for name in helm.EXAMPLES for container in helm.example(name).containers]
    run = {tuple(command) for container in containers for command in commands(container)}
    environ = os.environ | {"OCTO_NODE_RUN_DIR": str(tmp_path), "OCTO_NODE_WEB_PORT": "1"}
    for program, verb, *words in run:
        assert program == helm.PROGRAM
        # where no node of another test can be seen
        done = subprocess.run([*NAMESPACE, *OCTO_NODE, verb, *words], env=environ, timeout=60, check=False)
        assert done.returncode == {"probe": 1, "drain": 0}[verb], [verb, *words]


def test_tasks_may_be_left_alone() -> None:
    """Without `cancelTasks` nothing is cancelled."""
    _, container = only(drain__cancelTasks="false")
    assert list(commands(container))[-1] == [helm.PROGRAM, "drain", "--wait", "600"]
    _, container = only()
    cancelling = [helm.PROGRAM, "drain", "--wait", "600", "--cancel-tasks", "--cancel-wait", "60"]
    assert list(commands(container))[-1] == cancelling
