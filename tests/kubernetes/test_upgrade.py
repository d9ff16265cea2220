"""Starts that change the schema, or may not: slow migrations, upgrades in place, the way back, a lost key."""

from typing import Any

import pytest
from kubernetes.release import NEW, OLD, START_SECONDS, Release, usual
from processes import wait_until


pytestmark = pytest.mark.timeout(1800)  # the first test waits for the images


def test_a_slow_migration_is_not_killed(fresh: Release) -> None:
    """A node that migrates for longer than its probes are patient is not restarted."""
    fresh.install(usual(1, migration=30))
    assert fresh.restarts("octopus-0") == 0
    assert fresh.migrations() == 1


def upgrade(release: Release, version: str, **standin: object) -> None:
    """Do what docs/kubernetes.md says: `helm upgrade`, then delete all pods."""
    release.set("upgrade", usual(3, version, **standin))
    release.replace_pods()


def test_upgrade_in_place(fresh: Release) -> None:
    """No task is lost, one node migrates, no two versions run at any instant, and nobody ends again and again."""
    fresh.install(usual(3))
    tasks = [fresh.task(f"octopus-{n}", 15) for n in range(3)]
    with fresh.sampled() as samples:
        upgrade(fresh, NEW, migration=5)
        fresh.wait_ready()
    assert samples[0] == dict.fromkeys(("octopus-0", "octopus-1", "octopus-2"), OLD)
    assert samples[-1] == dict.fromkeys(("octopus-0", "octopus-1", "octopus-2"), NEW)
    assert [sample for sample in samples if len(set(sample.values())) > 1] == []
    states = fresh.query("Id, State", "ServerTask")
    assert [f"{task}\tSuccess" in states for task in tasks] == [True] * 3
    assert fresh.migrations() == 2
    assert fresh.violations() == []
    assert fresh.backoffs() == []
    assert [fresh.restarts(f"octopus-{n}") for n in range(3)] == [0, 0, 0]


def test_a_migration_that_fails(fresh: Release) -> None:
    """The old data is intact, the reason is in `kubectl describe pod`, and the old version runs again on it."""
    fresh.install(usual(3))
    before = fresh.query("ScriptName", "SchemaVersions")
    upgrade(fresh, NEW, migration_fails=True)
    wait_until(lambda: any("terminated" in state for state in states(fresh)), START_SECONDS, "a node ends")
    failed = next(state["terminated"] for state in states(fresh) if "terminated" in state)
    assert failed["exitCode"] == 16
    assert "`database` failed" in failed["message"]
    assert "`database` failed" in fresh.kubectl("describe", "pod", "octopus-0", "octopus-1", "octopus-2").stdout
    assert fresh.query("ScriptName", "SchemaVersions") == before
    fresh.helm("rollback", "octopus")
    fresh.replace_pods()
    fresh.wait_ready()
    assert fresh.violations() == []


def states(release: Release) -> list[dict[str, dict[str, Any]]]:
    """Return the present and the last state of each node's container."""
    found = [release.status(f"octopus-{n}") for n in range(3)]
    return [status.get(when, {}) for status in found for when in ("lastState", "state")]


def test_going_back_is_refused(fresh: Release) -> None:
    """An older version ends with 14 on a newer schema, says why, and changes nothing."""
    fresh.install(usual(3))
    upgrade(fresh, NEW)
    fresh.wait_ready()
    before = fresh.query("ScriptName", "SchemaVersions")
    fresh.helm("rollback", "octopus")
    fresh.replace_pods()
    for n in range(3):
        ended = fresh.ended(f"octopus-{n}")
        assert ended["exitCode"] == 14
        assert f"newer than this server, {OLD}" in ended["message"]
    assert fresh.query("ScriptName", "SchemaVersions") == before
    assert fresh.violations() == []


def test_a_lost_master_key(fresh: Release) -> None:
    """Without the master key of an existing database a node ends with 11, and nothing is touched."""
    fresh.install(usual(1))
    before = touched(fresh)
    values = usual(1)
    values["octopus"]["masterKey"] = ""
    fresh.set("upgrade", values)
    fresh.replace_pods()
    ended = fresh.ended("octopus-0")
    assert ended["exitCode"] == 11
    assert "set MASTER_KEY to the key" in ended["message"]
    assert touched(fresh) == before


def touched(release: Release) -> list[list[str]]:
    """Return what a start would change in the database."""
    tables = (("ScriptName", "SchemaVersions"), ("Version", "OctopusServerInstallationHistory"), ("Username", "[User]"))
    return [release.query(columns, table) for columns, table in tables]
