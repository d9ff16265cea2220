"""The lifecycle's table: total, without contradiction, and histories that are replayed through it."""

import ast
import itertools
from pathlib import Path

import pytest

from entrypoint.base.exitcodes import ExitCode
from entrypoint.base.phases import Phase
from entrypoint.init import lifecycle
from entrypoint.init.children import ChildEnvironments
from entrypoint.init.lifecycle import TABLE, Action, Event, ended, step
from entrypoint.init.node_processes import NodeProcesses
from entrypoint.init.report import Report
from entrypoint.settings.base_settings import BaseSettings
from entrypoint.settings.environment import Environment


E, A, P = Event, Action, Phase
BEFORE_UP = (P.PREFLIGHT, P.PREPARING, P.STARTING)
BOOT = [
    (E.PREFLIGHT_PASSED, P.PREPARING, A.BEGIN),
    (E.PREPARED, P.PREPARING, A.SEE_IF_READY),
    (E.READY_TO_START, P.STARTING, A.START_SERVER),
    (E.SERVER_STARTED, P.STARTING, A.START_SETTLE),
    (E.SETTLED, P.UP, A.NOTHING),
]
GONE = [(E.STAGE_CLEARED, P.STOPPING, A.NEXT_STAGE), (E.NOBODY_LEFT, P.STOPPED, A.NOTHING)]
STOP = (E.STOP_ASKED, P.STOPPING, A.NEXT_STAGE)
KILL_ALL = (E.STOP_INSISTED, P.KILLING, A.KILL_ALL)
HISTORIES = {
    "a whole life": [*BOOT, STOP, (E.SERVER_EXITED, P.STOPPING, A.NOTHING), *GONE],
    "a stop in preflight": [STOP, (E.PREFLIGHT_FAILED, P.STOPPING, A.NOTHING), *GONE],
    "a stop in prepare": [*BOOT[:1], STOP, (E.PREPARE_FAILED, P.STOPPING, A.NOTHING), *GONE],
    "a stop that prepare survives": [*BOOT[:1], STOP, (E.PREPARED, P.STOPPING, A.NOTHING), *GONE],
    "a stop while the server starts": [*BOOT[:4], STOP, (E.SETTLE_FAILED, P.STOPPING, A.NOTHING), *GONE],
    "preflight says no": [
        (E.PREFLIGHT_FAILED, P.FAILED, A.NEXT_STAGE),
        (E.NOBODY_LEFT, P.FAILED, A.NOTHING),
    ],
    "prepare says no, and something is left": [
        *BOOT[:1],
        (E.PREPARE_FAILED, P.FAILED, A.NEXT_STAGE),
        (E.STOP_ASKED, P.FAILED, A.NOTHING),
        (E.DEADLINE_PASSED, P.FAILED, A.KILL_STAGE),
        (E.STAGE_CLEARED, P.FAILED, A.NEXT_STAGE),
        (E.NOBODY_LEFT, P.FAILED, A.NOTHING),
    ],
    "the server ends by itself": [*BOOT, (E.SERVER_EXITED, P.STOPPING, A.NEXT_STAGE), *GONE],
    "the server ends at once": [*BOOT[:3], (E.SERVER_EXITED, P.STOPPING, A.NEXT_STAGE), *GONE],
    "another node migrated": [
        *BOOT[:4],
        (E.SETTLE_REFUSED, P.FAILED, A.NEXT_STAGE),
        (E.SERVER_EXITED, P.FAILED, A.NOTHING),
        (E.STAGE_CLEARED, P.FAILED, A.NEXT_STAGE),
        (E.NOBODY_LEFT, P.FAILED, A.NOTHING),
    ],
    "settle fails and is started again": [*BOOT[:4], (E.SETTLE_FAILED, P.STARTING, A.RETRY_SETTLE), *BOOT[4:]],
    "a deaf server": [
        *BOOT,
        STOP,
        (E.DEADLINE_PASSED, P.KILLING, A.KILL_STAGE),
        (E.SERVER_EXITED, P.KILLING, A.NOTHING),
        *GONE,
    ],
    "a server that not even KILL ends": [
        *BOOT,
        STOP,
        (E.DEADLINE_PASSED, P.KILLING, A.KILL_STAGE),
        (E.KILL_FAILED, P.STOPPING, A.NEXT_STAGE),
        (E.NOBODY_LEFT, P.STOPPED, A.NOTHING),
    ],
    "three stops": [*BOOT, STOP, (E.STOP_ASKED_AGAIN, P.STOPPING, A.SKIP_DRAIN), KILL_ALL, *GONE],
    "a third stop while killing": [*BOOT, STOP, (E.DEADLINE_PASSED, P.KILLING, A.KILL_STAGE), KILL_ALL, *GONE],
    "dockerd answers first": [*BOOT[:1], (E.DOCKERD_ANSWERED, P.PREPARING, A.SEE_IF_READY), *BOOT[1:]],
    "dockerd answers last": [
        *BOOT[:2],
        (E.DOCKERD_ANSWERED, P.PREPARING, A.SEE_IF_READY),
        *BOOT[2:],
    ],
    "dockerd answers too late": [
        *BOOT[:2],
        (E.DOCKERD_OVERDUE, P.PREPARING, A.SEE_IF_READY),
        *BOOT[2:],
        (E.DOCKERD_ANSWERED, P.UP, A.NOTHING),
    ],
    "dockerd ends before the server is started": [
        *BOOT[:2],
        (E.DOCKERD_EXITED, P.PREPARING, A.RETRY_DOCKERD),
        (E.DOCKERD_ANSWERED, P.PREPARING, A.SEE_IF_READY),
        *BOOT[2:],
    ],
    "a stop while dockerd is waited for": [
        *BOOT[:2],
        STOP,
        (E.DOCKERD_OVERDUE, P.STOPPING, A.NOTHING),
        (E.DOCKERD_EXITED, P.STOPPING, A.NOTHING),
        *GONE,
    ],
    "dockerd ends": [*BOOT, (E.DOCKERD_EXITED, P.UP, A.RETRY_DOCKERD), STOP, (E.DOCKERD_EXITED, P.STOPPING, A.NOTHING)],
}


def test_every_pair_is_answered() -> None:
    """The table has a cell for each phase and event, and no others."""
    assert TABLE.keys() == set(itertools.product(Phase, Event))


def test_nothing_is_both_answered_and_ignored() -> None:
    """What a row ignores it doesn't answer: the one would silently hide the other."""
    rows = 0
    for call in ast.walk(ast.parse(Path(lifecycle.__file__).read_text(encoding="utf-8"))):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "_row":
            phase, cells, ignored = (
                eval(compile(ast.Expression(part), "row", "eval"), vars(lifecycle))  # noqa: S307 - our own source
                for part in (*call.args, call.keywords[0].value)
            )
            assert not cells.keys() & ignored, phase
            rows += 1
    assert rows == len(Phase)


@pytest.mark.parametrize("name", HISTORIES)
def test_histories(name: str) -> None:
    """What happens to a node, event by event, leads to the phases and actions that were meant."""
    phase = P.PREFLIGHT
    for event, then, action in HISTORIES[name]:
        assert step(phase, event) == (then, action), event
        phase = then


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase not in {P.STOPPED, P.FAILED}])
def test_a_third_stop_kills_from_everywhere(phase: Phase) -> None:
    """Whatever the node does, who insists gets everybody killed."""
    for event in (E.STOP_ASKED, E.STOP_ASKED_AGAIN):
        phase, _ = step(phase, event)
    assert step(phase, E.STOP_INSISTED) == (P.KILLING, A.KILL_ALL)


def test_the_last_phases_are_never_left() -> None:
    """A stopped node does nothing more, and a failed one stays a failed one."""
    assert {TABLE[P.STOPPED, event] for event in Event} == {(P.STOPPED, A.NOTHING)}
    assert {TABLE[P.FAILED, event][0] for event in Event} == {P.FAILED}


def test_nothing_is_started_on_the_way_down() -> None:
    """Once a node goes down, no event starts anything."""
    starts = {A.BEGIN, A.START_SERVER, A.START_SETTLE, A.RETRY_SETTLE, A.RETRY_DOCKERD}
    down = set(Phase) - {*BEFORE_UP, P.UP}
    assert not {action for (phase, _), (_, action) in TABLE.items() if phase in down} & starts


@pytest.mark.parametrize(
    ("role", "code", "event"),
    [
        ("preflight", 0, E.PREFLIGHT_PASSED),
        ("preflight", ExitCode.EULA, E.PREFLIGHT_FAILED),
        ("prepare", 0, E.PREPARED),
        ("prepare", 137, E.PREPARE_FAILED),
        ("settle", 0, E.SETTLED),
        ("settle", ExitCode.NEWER_DATABASE, E.SETTLE_REFUSED),
        ("settle", ExitCode.FAULT, E.SETTLE_FAILED),
        ("drain", 0, E.DRAIN_ENDED),
        ("drain", ExitCode.TASKS_RUNNING, E.DRAIN_ENDED),
        ("dockerd", 0, E.DOCKERD_EXITED),
        ("dockerd", 137, E.DOCKERD_EXITED),
        ("await-dockerd", 0, E.DOCKERD_ANSWERED),
        ("await-dockerd", ExitCode.DOCKER_IN_DOCKER, E.DOCKERD_ANSWERED),
        ("await-dockerd", 143, E.DOCKERD_OVERDUE),
        ("server", 0, E.SERVER_EXITED),
        ("server", 100, E.SERVER_EXITED),
    ],
)
def test_what_an_end_means(role: str, code: int, event: Event) -> None:
    """A child's role and exit code are all that process 1 learns from it."""
    assert ended(role, code) is event


def test_every_action_is_done_by_somebody(tmp_path: Path) -> None:
    """The node has something to do for each action."""
    environment = Environment({"OCTO_NODE_RUN_DIR": str(tmp_path), "OCTO_NODE_TERMINATION_LOG": str(tmp_path / "none")})
    settings = BaseSettings(environment)
    environments = ChildEnvironments(environment, settings)
    assert NodeProcesses(settings, environments, Report(settings, [], None)).actions.keys() == set(Action)
