"""The configure commands: which options each gets on which version, and what an operator may change about them."""

import base64
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pytest
import readings
from standin.octopus import about

from entrypoint.octopus import commandline, version
from entrypoint.octopus.applied_state import AppliedState
from entrypoint.octopus.commandline import OPTIONS, Inputs, arguments
from entrypoint.octopus.version import Version
from entrypoint.prepare.configure import master_key, plan
from entrypoint.prepare.configure.plan import Command
from entrypoint.prepare.situation import Situation
from entrypoint.settings import command_overrides
from entrypoint.settings.command_overrides import VERBS
from entrypoint.settings.problems import ProblemsError
from entrypoint.structured_log import logger


AGES = list(about.AGES.values())
NEW, OLD = "2026.2.197", "2020.3.1"
ENVIRON = {
    "ACCEPT_EULA": "Y",
    "DB_CONNECTION_STRING": "Server=db;Database=Octopus;User Id=o;Password=p",
    "ADMIN_PASSWORD": "S3cret-of-the-admin!",
}


def known(text: str) -> Version:
    """Return a version."""
    found = version.parse(text)
    assert found is not None
    return found


def inputs(
    environ: dict[str, str] | None = None,
    text: str = NEW,
    *,
    is_finished: bool = False,
    left_out: Sequence[str] = (),
) -> Inputs:
    """Return what the options are made of, with `environ` set besides the usual, on a server of version `text`."""
    whole = ENVIRON | (environ or {})
    parsed = readings.settings(whole)
    return Inputs(
        settings=parsed,
        connection_string=whole["DB_CONNECTION_STRING"],
        master_key=None,
        version=known(text),
        with_admin=bool(parsed.admin_password or parsed.admin_api_key),
        is_finished=is_finished,
        left_out=frozenset(left_out),
    )


def situation(*, is_new: bool = False, is_finished: bool = True, has_admin: bool = True) -> Situation:
    """Return a situation in which nothing is older."""
    return readings.situation(is_new=is_new, is_finished=is_finished, has_admin=has_admin, validated=True)


def planned(found: Inputs, where: Situation, applied: AppliedState) -> list[Command]:
    """Return the commands that are to be run."""
    return [command for command in plan.commands(found, where, applied) if command.run]


def names(words: Sequence[str]) -> list[str]:
    """Return the options' names."""
    return [word.partition("=")[0] for word in words]


@pytest.fixture
def applied(tmp_path: Path) -> AppliedState:
    """A memory in which nothing is noted yet."""
    home = tmp_path / "home"
    home.mkdir()
    return AppliedState(readings.paths(OCTOPUS_SERVER_CONFIGURATION_DIRECTORY=str(home), OCTO_NODE_ROOT=str(tmp_path)))


# --- ages


@pytest.mark.parametrize("age", AGES)
def test_event_exports_are_given_from_2023_3_on(age: str) -> None:
    """`path` gets every folder that the version knows; no version before 2023.3 knows --eventExports."""
    found = names(arguments("path", inputs(text=age)))
    assert ("--eventExports" in found) == (known(age) >= known("2023.3"))
    assert {"--nugetRepository", "--artifacts", "--taskLogs", "--cacheDirectory"} <= set(found)


@pytest.mark.parametrize(
    ("text", "option"),
    [
        (NEW, "--sendTelemetry=False"),
        ("2022.1.2000", "--sendTelemetry=False"),
        ("2021.3.12132", "--upgradeCheckWithStatistics=False"),
        (OLD, "--upgradeCheckWithStatistics=False"),
    ],
)
def test_no_usage_data(text: str, option: str) -> None:
    """ENABLE_USAGE=N is given in the form that the version knows; unset or `Y`, nothing is given."""
    found = arguments("configure", inputs({"ENABLE_USAGE": "N"}, text))
    assert option in found
    assert commandline.unknown("configure", inputs({"ENABLE_USAGE": "N"}, text)) == []
    for usage in ("", "Y"):
        assert not {"--sendTelemetry", "--upgradeCheckWithStatistics"} & set(
            names(arguments("configure", inputs({"ENABLE_USAGE": usage}, text)))
        )


def test_what_is_left_out_for_its_age_is_told() -> None:
    """An option that was asked for, and that the version doesn't know, is told with where its value comes from."""
    found = inputs({"OCTOPUS_GRPC_SERVICES_PORT": "9443"}, OLD)
    assert [option.name for option in commandline.unknown("configure", found)] == ["--grpcListenPort"]
    assert [option.name for option in commandline.unknown("path", found)] == ["--eventExports"]
    assert commandline.unknown("path", inputs()) == []


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: f"{option.verb} {option.name}")
def test_the_oldest_supported_version_knows_what_a_node_needs(option: commandline.Option) -> None:
    """What a node can't do without is known to all supported versions."""
    assert option.is_known(known(commandline.OLDEST)) or not option.needed


@pytest.mark.parametrize(
    ("text", "size"), [(OLD, 16), ("2024.3.12345", 16), ("2024.4.0", 32), ("2025.1.1-hotfix.1", 32), (NEW, 32)]
)
def test_a_drawn_master_key_is_as_long_as_the_server_s_own(tmp_path: Path, text: str, size: int) -> None:
    """A new database gets a key of 128 bits before 2024.4, of 256 from then on (OctopusDeploy issue 9104)."""
    paths = readings.paths(OCTO_NODE_ROOT=str(tmp_path))
    key = master_key.find(
        paths, None, has_schema=False, ask_instance=lambda: None, version=known(text), log=logger("prepare", [])
    )
    assert len(base64.b64decode(key, validate=True)) == size


# --- refused options


@pytest.mark.parametrize(
    ("printed", "refused"),
    [
        ("Unrecognized command line arguments: --eventExports=/e", ["--eventExports=/e"]),
        (
            "x\nUnrecognized command line arguments: --artifacts=/a --EVENTEXPORTS=/e",
            ["--artifacts=/a", "--eventExports=/e"],
        ),
        ("ERROR: Unrecognized command line arguments: --artifacts /a", ["--artifacts=/a"]),
        ("Unrecognized command line arguments: --art=/a", []),
        ("The path --artifacts can't be written", []),
        ("", []),
    ],
)
def test_what_a_server_refuses(printed: str, refused: list[str]) -> None:
    """Only what stands behind the server's own sentence is taken for refused."""
    assert commandline.unrecognized(printed, ["--artifacts=/a", "--eventExports=/e"]) == refused


def test_a_refused_option_is_remembered_for_its_version(applied: AppliedState) -> None:
    """What a version was found not to know isn't given to it again, and is given to the next version."""
    version.leave_out(applied, known(NEW), frozenset({"path --eventExports"}))
    version.leave_out(applied, known(NEW), frozenset({"path --artifacts"}))
    found = version.left_out(applied, known(NEW))
    assert found == {"path --eventExports", "path --artifacts"}
    assert not {"--eventExports", "--artifacts"} & set(names(arguments("path", inputs(left_out=sorted(found)))))
    assert version.left_out(applied, known("2026.3.1")) == frozenset()


def test_a_command_that_was_taken_without_an_option_is_known_again(applied: AppliedState) -> None:
    """A restart gives the command as it was taken in the end, and so doesn't run it."""
    database = {"server": "db"}
    [path] = [command for command in planned(inputs(), situation(), applied) if command.verb == "path"]
    taken = path.without([argument for argument in path.options if argument.startswith("--eventExports")])
    assert taken.remembered is not None
    applied.remember("path", applied.digest("path", taken.remembered), database)
    verbs = [command.verb for command in planned(inputs(left_out=["path --eventExports"]), situation(), applied)]
    assert "path" not in verbs
    assert "path" in [command.verb for command in planned(inputs(), situation(), applied)]


# --- the login provider


@pytest.mark.parametrize(
    ("environ", "is_finished", "given"),
    [
        ({}, False, True),
        ({"ADMIN_API_KEY": "API-X"}, False, True),
        ({"ADMIN_PASSWORD": "", "ADMIN_API_KEY": "API-X"}, False, False),
        ({"ADMIN_PASSWORD": ""}, False, False),
        ({}, True, False),
    ],
)
def test_login_provider(*, environ: dict[str, str], is_finished: bool, given: bool) -> None:
    """The login with a password is turned on for a new database whose administrator has one, and never again."""
    found = arguments("configure", inputs(environ, is_finished=is_finished))
    assert ("--usernamePasswordIsEnabled=True" in found) == given


def test_the_login_provider_is_not_remembered(applied: AppliedState) -> None:
    """The command without the option, as a finished database gets it, is known again as the one with it."""
    [first] = [
        c for c in planned(inputs(), situation(is_new=True, is_finished=False), applied) if c.verb == "configure"
    ]
    assert "--usernamePasswordIsEnabled=True" in first.options
    assert first.remembered is not None
    applied.remember("configure", applied.digest("configure", first.remembered), None)
    again = planned(inputs(is_finished=True), situation(), applied)
    assert "configure" not in [command.verb for command in again]


# --- what an operator changes


def test_skipped_commands(applied: AppliedState) -> None:
    """A skipped command isn't planned, and isn't taken for run: once it isn't skipped any more, it is."""
    skipped = inputs({"OCTO_NODE_SKIP_COMMANDS": "path, license node", "TASK_CAP": "3"})
    verbs = [command.verb for command in planned(skipped, situation(), applied)]
    assert verbs == ["create-instance", "database", "configure"]
    assert "path" in [command.verb for command in planned(inputs(), situation(), applied)]


def test_a_skipped_licence_does_not_come_before_an_upgrade_either(applied: AppliedState) -> None:
    """Where an upgrade runs the licence first, a skipped one stays out."""
    older = dataclasses.replace(situation(), is_older=True)
    found = inputs({"OCTOPUS_SERVER_BASE64_LICENSE": "PExpY2Vuc2UvPg==", "OCTO_NODE_SKIP_COMMANDS": "license"})
    assert "license" not in [command.verb for command in planned(found, older, applied)]


def test_extra_options_are_given_last_and_remembered(applied: AppliedState) -> None:
    """What an operator adds stands behind our own options, also at an upgrade, and a change of it is a change."""
    extra = {"OCTO_NODE_EXTRA_OPTIONS": "configure --hstsEnabled=True; node --x; database --skipLicenseCheck"}
    found = {command.verb: command for command in planned(inputs(extra), situation(), applied)}
    assert found["configure"].options[-1] == "--hstsEnabled=True"
    assert found["node"].options == ["--x"]
    for command in found.values():
        assert command.remembered is not None
        applied.remember(command.verb, applied.digest(command.verb, command.remembered), None)
    assert planned(inputs(extra), situation(), applied) == []
    assert [command.verb for command in planned(inputs(), situation(), applied)] == ["database", "configure"]


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        (
            "configure --hstsEnabled=True; path --imports=/imports",
            {"configure": ("--hstsEnabled=True",), "path": ("--imports=/imports",)},
        ),
        ("path --imports='/a b;c' --telemetry=\"#x\";", {"path": ("--imports=/a b;c", "--telemetry=#x")}),
        ("path --a=;;configure --b", {"path": ("--a=",), "configure": ("--b",)}),
    ],
)
def test_extra_options_are_read_as_in_a_shell(text: str, parsed: dict[str, tuple[str, ...]]) -> None:
    """Parts are separated by semicolons, options by blanks; quotes keep either."""
    assert command_overrides.options(text) == parsed


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("OCTO_NODE_EXTRA_OPTIONS", "configure", "must name configure once, with its options"),
        ("OCTO_NODE_EXTRA_OPTIONS", "path --a=1; path --b=2", "must name path once"),
        ("OCTO_NODE_EXTRA_OPTIONS", "run --x", "begins a part with 'run'"),
        ("OCTO_NODE_EXTRA_OPTIONS", "path --a 1", "of the form --name=value"),
        ("OCTO_NODE_EXTRA_OPTIONS", "path -a=1", "of the form --name=value"),
        ("OCTO_NODE_EXTRA_OPTIONS", "path --a=1 --A=2", "--a twice"),
        ("OCTO_NODE_EXTRA_OPTIONS", "path --a='1", "close the quote"),
        ("OCTO_NODE_EXTRA_OPTIONS", "configure --ldapPassword=topsecret", "--ldapPassword, but a secret"),
        ("OCTO_NODE_EXTRA_OPTIONS", "configure --azureADClientSecret=topsecret", "but a secret"),
        ("OCTO_NODE_EXTRA_OPTIONS", "admin --APIKEY=topsecret", "but a secret"),
        ("OCTO_NODE_EXTRA_OPTIONS", "database --connectionString=topsecret", "but a secret"),
        ("OCTO_NODE_EXTRA_OPTIONS", "license --licenseBase64=topsecret", "but a secret"),
        ("OCTO_NODE_EXTRA_OPTIONS", "database --delete", "octo-node sets itself"),
        ("OCTO_NODE_EXTRA_OPTIONS", "path --INSTANCE=x", "octo-node sets itself"),
        ("OCTO_NODE_EXTRA_OPTIONS", "node --drain=true", "octo-node sets itself"),
        ("OCTO_NODE_SKIP_COMMANDS", "path,run", "names run, but the commands are: create-instance"),
    ],
)
def test_refused_changes(name: str, text: str, said: str) -> None:
    """What can't be meant is refused by its name, and no value is told."""
    with pytest.raises(ProblemsError, match=name) as caught:
        inputs({name: text})
    assert said in str(caught.value)
    assert "topsecret" not in str(caught.value)


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: f"{option.verb} {option.name}")
def test_own_options_can_not_be_given_again(option: commandline.Option) -> None:
    """Every option that octo-node sets itself is refused among the extra ones, in any case."""
    assert commandline.clashes({option.verb: (f"{option.name.upper()}=x",)}) == [f"{option.verb} {option.name}"]


def test_every_command_has_options_and_a_time() -> None:
    """The table, the times and the list of the commands name the same ones."""
    assert {option.verb for option in OPTIONS} == set(VERBS) == set(commandline.SECONDS)
