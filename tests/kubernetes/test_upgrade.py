"""Starts that change the schema, or may not: slow migrations, upgrades in place, the way back, a lost key."""

import pytest
from kubernetes.release import NEW, OLD, Release, usual


pytestmark = pytest.mark.timeout(1800)  # the first test waits for the images
NAMES = ("octopus-0", "octopus-1", "octopus-2")


def test_a_slow_migration_is_not_killed(fresh: Release) -> None:
    """A node that migrates for longer than its probes are patient is not restarted."""
    fresh.install(usual(1, migration=30))
    assert fresh.nodes.restarts("octopus-0") == 0
    assert fresh.database.migrations() == 1


def test_upgrade_in_place(fresh: Release) -> None:
    """No task is lost, one node migrates, no two versions run at any instant, and nobody ends again and again."""
    fresh.install(usual(3))
    tasks = [fresh.task(name, 15) for name in NAMES]
    with fresh.database.sampled() as samples:
        fresh.upgrade(usual(3, NEW, migration=5))
        fresh.nodes.wait_ready()
    assert samples[0] == dict.fromkeys(NAMES, OLD)
    assert samples[-1] == dict.fromkeys(NAMES, NEW)
    assert [sample for sample in samples if len(set(sample.values())) > 1] == []
    states = fresh.database.query("Id, State", "ServerTask")
    assert [f"{task}\tSuccess" in states for task in tasks] == [True] * 3
    assert fresh.database.migrations() == 2
    assert fresh.database.violations() == []
    assert fresh.nodes.backoffs() == []
    assert [fresh.nodes.restarts(name) for name in NAMES] == [0, 0, 0]


def test_a_migration_that_fails(fresh: Release) -> None:
    """The old data is intact, the reason is in `kubectl describe pod`, and the old version runs again on it."""
    fresh.install(usual(3))
    before = fresh.database.query("ScriptName", "SchemaVersions")
    fresh.upgrade(usual(3, NEW, migration_fails=True))
    failed = fresh.nodes.ended(*NAMES)
    assert failed["exitCode"] == 16
    assert "`database` failed" in failed["message"]
    assert "`database` failed" in fresh.namespace.kubectl("describe", "pod", *NAMES).stdout
    assert fresh.database.query("ScriptName", "SchemaVersions") == before
    fresh.helm("rollback", "octopus")
    fresh.nodes.replace()
    fresh.nodes.wait_ready()
    assert fresh.database.violations() == []


def test_going_back_is_refused(fresh: Release) -> None:
    """An older version ends with 14 on a newer schema, says why, and changes nothing."""
    fresh.install(usual(3))
    fresh.upgrade(usual(3, NEW))
    fresh.nodes.wait_ready()
    before = fresh.database.query("ScriptName", "SchemaVersions")
    fresh.helm("rollback", "octopus")
    fresh.nodes.replace()
    for name in NAMES:
        ended = fresh.nodes.ended(name)
        assert ended["exitCode"] == 14
        assert f"newer than this server, {OLD}" in ended["message"]
    assert fresh.database.query("ScriptName", "SchemaVersions") == before
    assert fresh.database.violations() == []


def test_a_lost_master_key(fresh: Release) -> None:
    """Without the master key of an existing database a node ends with 11, and nothing is touched."""
    fresh.install(usual(1))
    before = touched(fresh)
    fresh.namespace.kubectl("delete", "secret", "octopus-masterkey")  # else the chart finds it
    values = usual(1)
    values["octopus"]["masterKey"] = ""
    fresh.upgrade(values)
    ended = fresh.nodes.ended("octopus-0")
    assert ended["exitCode"] == 11
    assert "set MASTER_KEY to the key" in ended["message"]
    assert touched(fresh) == before


def touched(release: Release) -> list[list[str]]:
    """Return what a start would change in the database."""
    tables = (("ScriptName", "SchemaVersions"), ("Version", "OctopusServerInstallationHistory"), ("Username", "[User]"))
    return [release.database.query(columns, table) for columns, table in tables]
