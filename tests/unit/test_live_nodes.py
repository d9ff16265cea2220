"""Waiting for nodes of another version: whom a node asks to be stopped, and when."""

from dataclasses import replace

import pytest
import readings
import structlog

from entrypoint.octopus.applied_state import AppliedState
from entrypoint.octopus.command_runner import Runner
from entrypoint.octopus.instance import Instance
from entrypoint.octopus.version import parse
from entrypoint.prepare.context import Context
from entrypoint.prepare.progress import Progress
from entrypoint.prepare.schema import live_nodes


OLDER = readings.situation(is_older=True)
EVERYBODY = ["octopus-1", "octopus-2"]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Make the pauses short, and collect what is told."""
    monkeypatch.setattr(live_nodes, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(live_nodes, "SURE_SECONDS", 0.05)
    return []


def context(told: list[str]) -> Context:
    """Return what prepare would wait with."""
    environ = {
        "ACCEPT_EULA": "Y",
        "DB_CONNECTION_STRING": "Server=db;Database=Octopus;User=sa;Password=x",
        "MASTER_KEY": "MTIzNDU2Nzg5MDEyMzQ1Ng==",
    }
    version = parse("2026.2.197")
    assert version is not None

    def collect(_logger: object, _level: str, entry: structlog.typing.EventDict) -> str:
        told.append(str(entry["event"]))
        raise structlog.DropEvent

    log = structlog.wrap_logger(None, processors=[collect])
    settings = readings.settings(environ)
    return Context(
        settings=settings,
        instance=Instance(settings.base.paths, Runner({}, log)),
        version=version,
        applied=AppliedState(settings.base.paths),
        progress=Progress(None),
        log=log,
        hide=lambda _: None,
        deadline=float("inf"),
    )


def test_nobody_of_our_own_version_is_to_be_stopped(told: list[str]) -> None:
    """On a first start of many, nodes are alive before the database tells that they are of our version."""
    looks = iter([OLDER, OLDER, replace(OLDER, is_older=False)])
    found = live_nodes.wait(context(told), OLDER, lambda: next(looks), lambda: (EVERYBODY, 0.0))
    assert not found.is_older
    assert not told


def test_who_stays_is_named(told: list[str]) -> None:
    """Nodes that are alive for longer on an older schema are named, once."""
    alive = iter([EVERYBODY] * 30)
    found = live_nodes.wait(context(told), OLDER, lambda: OLDER, lambda: (next(alive, []), 0.0))
    assert found.is_older
    assert len(told) == 1
    assert "octopus-1, octopus-2. Stop them" in told[0]
