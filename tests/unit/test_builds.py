"""Which nodes are of another version, by what they noted; and what the server's own refusals are taken for."""

import pytest

from entrypoint.base.exitcodes import ExitCode
from entrypoint.octopus import server_refusals, version
from entrypoint.octopus.command_runner import CommandError
from entrypoint.octopus.version import Version
from entrypoint.octopus.version_history import History, HistoryEntry
from entrypoint.prepare.schema.live_nodes import Builds


def parsed(text: str) -> Version:
    """Return the version that `text` says."""
    found = version.parse(text)
    assert found is not None
    return found


LOW, HIGH, NEXT = parsed("2026.2.197"), parsed("2026.2.210"), parsed("2026.3.5")


def history(*notes: tuple[str, Version]) -> History:
    """Return what these nodes noted, the newest first."""
    return History(tuple(HistoryEntry(*note) for note in notes))


def counted(own: Version, noted: History, alive: str, patience: float = 60.0) -> str:
    """Return those of the living nodes that count as of another version."""
    return "".join(Builds(own, patience, lambda _: None, dict).of_another(list(alive), noted))


@pytest.mark.parametrize(
    ("noted", "expected"),
    [
        (history(("a", HIGH), ("b", HIGH)), "ab"),
        (history(("a", LOW), ("b", HIGH), ("a", HIGH)), "b"),
        (history(("A", LOW), ("b", HIGH)), "b"),
        (history(("a", LOW), ("b", LOW), ("a", HIGH), ("b", HIGH)), ""),
    ],
    ids=["nobody went back", "one went back", "names have no case", "all went back"],
)
def test_who_noted_this_build_last_is_no_other(noted: History, expected: str) -> None:
    """Among builds of one release a node is of the build that it noted last, whichever of them is higher."""
    assert counted(LOW, noted, "ab") == expected


def test_who_may_run_this_build_is_waited_for_only_a_while() -> None:
    """A node that noted both builds may have gone back without noting it: it counts for a while, then it is told."""
    noted = history(("a", HIGH), ("b", HIGH), ("a", LOW))
    said: list[str] = []
    builds = Builds(LOW, 0.0, said.append, dict)

    assert counted(LOW, noted, "abc") == "abc"
    assert builds.of_another(["a", "b", "c"], noted) == ["b"]
    assert builds.of_another(["a", "b", "c"], noted) == ["b"]
    assert len(said) == 1
    assert "whether a, c run this build" in said[0]


def test_a_mark_tells_more_than_what_was_noted() -> None:
    """Who left a mark runs the version in it: it is waited for without an end, or not at all."""
    noted = history(("a", HIGH), ("b", HIGH), ("a", LOW), ("b", LOW))
    for marks in ({"a": LOW, "b": HIGH}, {"b": HIGH}):
        assert Builds(LOW, 0.0, lambda _: None, lambda: marks).of_another(["a", "B"], noted) == ["B"]  # noqa: B023 - used at once


@pytest.mark.parametrize("noted", [history(), history(("a", LOW)), history(("b", LOW))], ids=["none", "own", "other"])
@pytest.mark.parametrize("own", [HIGH, NEXT])
def test_on_an_older_database_everybody_counts(own: Version, noted: History) -> None:
    """On a database of an older version, or of none that is told, every living node is of another version."""
    assert counted(own, noted, "abc", patience=0.0) == "abc"


@pytest.mark.parametrize(
    ("found", "own", "expected"),
    [
        ("2026.2.210", "2026.2.197", False),
        ("2026.3.1", "2026.2.197", True),
        ("2027.1.1", "2026.4.1", True),
        ("2025.4.99999", "2026.1.1", False),
        ("2026.2.210-hotfix.1", "2026.2.1", False),
    ],
)
def test_only_another_release_is_too_new(found: str, own: str, *, expected: bool) -> None:
    """A release is year and number; builds of one are safe both ways."""
    assert version.is_too_new(parsed(found), parsed(own)) is expected


def test_a_version_that_is_not_told_is_not_too_new() -> None:
    """NULL in the history doesn't count."""
    assert not version.is_too_new(None, LOW)


UNFOLLOWED = (
    "Octopus.Shared.ControlledFailureException: Unexpected upgrade history detected. You probably need to upgrade to a "
    "later version of Octopus Server. Extra upgrade script(s) found: Script0321DeleteQueuedTasks"
)
NOT_COMPLIANT = (
    "- FAIL: Your Octopus Server would not be compliant with your license if we allowed the upgrade to continue."
)
PRECONDITION = "One of the pre-conditions to safely upgrade your database has failed, and the upgrade cannot continue."


@pytest.mark.parametrize(
    ("output", "verb", "code", "hint"),
    [
        (
            UNFOLLOWED,
            "license",
            ExitCode.NEWER_DATABASE,
            "restore a backup",
        ),
        (
            f"{PRECONDITION}\n- PASS: All columns use the default collation.\n{NOT_COMPLIANT}",
            "database",
            ExitCode.COMMAND,
            "OCTOPUS_SERVER_BASE64_LICENSE",
        ),
        (
            "Your Octopus Server subscription expired on Monday",
            "database",
            ExitCode.COMMAND,
            "OCTOPUS_SERVER_BASE64_LI",
        ),
        ("This instance has no license key.", "database", ExitCode.COMMAND, "OCTOPUS_SERVER_BASE64_LICENSE"),
    ],
)
def test_refusals_of_the_server(output: str, verb: str, code: ExitCode, hint: str) -> None:
    """What the server refuses gets a code and a next step, and its own words stay."""
    found = server_refusals.explain(CommandError(f"`{verb}` failed with exit code 1.", output), verb)

    assert found.code == code
    assert hint in str(found)
    assert output.splitlines()[-1] in str(found)


@pytest.mark.parametrize(
    ("output", "verb"),
    [
        (f"{PRECONDITION}\n - PASS: Your license is compliant.\n - FAIL: There are other nodes running.", "database"),
        ("FAIL: While testing that you would be compliant with your license: Invalid column name 'X'.", "database"),
        ("Microsoft.Data.SqlClient.SqlException: Invalid object name 'dbo.License'.", "database"),
        ("Loading license information\nThe moon is in the wrong house.", "database"),
        ("The license key is not valid.", "license"),
    ],
)
def test_other_failures_stay_what_they_are(output: str, verb: str) -> None:
    """A licence that was only looked at, or that is itself refused, gets no hint about a missing one."""
    error = CommandError(f"`{verb}` failed with exit code 1.", output)

    assert server_refusals.explain(error, verb) is error
