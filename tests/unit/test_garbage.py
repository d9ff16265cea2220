"""Garbage where octo-node reads what it, or somebody, wrote: a sentence or a fresh start, never a fault of its own."""

import base64
import json
import os
from pathlib import Path

import pytest
import readings

from entrypoint.base import phase_summary, state_reader, statefile
from entrypoint.node import boot_summary, status_view
from entrypoint.node.facts import states
from entrypoint.node.facts.assembly import Assembly
from entrypoint.node.facts.schema import Facts
from entrypoint.octopus import applied_state as memories
from entrypoint.octopus import version
from entrypoint.octopus.applied_state import AppliedState
from entrypoint.octopus.version import Version
from entrypoint.settings import parsers, variables
from entrypoint.settings.configuration import Configuration


VALUES = ["text", "", "zz", "9" * 40, 0, -1, 1.5, True, None, [], [[]], [1, "x"], {}, {"file": 1}, {"x": {"y": []}}]
NOTES = ("salt", "steps", "database", "files", "version", "schema", "making", "import", "left_out", "history")
DATABASE = {"server": "db", "name": "Octopus"}
HUGE = "9" * 5000  # more digits than Python makes a number of


def environ(folder: Path) -> dict[str, str]:
    """Return the environment of a configured instance in `folder`."""
    given = {"OCTO_NODE_ROOT": str(folder), "OCTO_NODE_RUN_DIR": str(folder / "run")}
    for path in (Path(readings.paths(**given).config_file), Path(readings.paths(**given).registry, "instance")):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("it is there")
    return given


def notes_file(given: dict[str, str]) -> Path:
    """Return the file of the notes."""
    return Path(readings.paths(**given).home, "octo-node.json")


def use(given: dict[str, str]) -> None:
    """Do with the notes all that is done with them."""
    applied = AppliedState(readings.paths(**given))
    applied.validate(DATABASE)
    applied.may_be_of(DATABASE)
    digest = applied.digest("path", ["input"])
    applied.knows("path", digest)
    applied.has("path")
    assert version.known(applied, "/bin/sh") in (None, version.parse("1.2.3"))
    own = Version("2026.2.197", (2026, 2, 197, 0), ())
    version.is_of_schema(applied, own)
    version.left_out(applied, own)
    applied.note_files()
    applied.remember("path", digest, DATABASE)
    version.remember(applied, "/bin/sh", Version("1.2.3", (1, 2, 3, 0), ()))

    again = AppliedState(readings.paths(**given))
    assert again.validate(DATABASE)
    assert again.knows("path", again.digest("path", ["input"])), "what was noted over the garbage is known"
    assert version.known(again, "/bin/sh") is not None


@pytest.fixture(autouse=True)
def cheap_digests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a digest cost less than in earnest."""
    monkeypatch.setattr(memories, "_COST", 2)


@pytest.mark.parametrize("name", NOTES)
def test_a_note_of_another_type(tmp_path: Path, name: str) -> None:
    """A note that isn't what was noted is no note; what is noted then is remembered."""
    given = environ(tmp_path)
    sound = {
        "salt": "ab" * 16,
        "steps": {"path": "x"},
        "database": DATABASE,
        "version": {"file": [1, 2], "text": "1.2.3"},
    }
    for value in VALUES:
        notes_file(given).write_text(json.dumps(sound | {name: value}))
        assert AppliedState(readings.paths(**given)).may_be_of(DATABASE), "its master key is asked for"
        use(given)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"\0" * 100,
        b"null",
        b"[]",
        b'{"salt":',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"salt": ' + HUGE.encode() + b"}",
        b'{"version": {"file": NaN, "text": "2026.' + HUGE.encode() + b'"}}',
        b'{"salt": "' + b"x" * (2 << 20) + b'"}',
    ],
    ids=lambda content: content[:12],
)
def test_a_broken_file_of_notes(tmp_path: Path, content: bytes) -> None:
    """A file that isn't JSON, is nested without end, or far too large, is a fresh start."""
    given = environ(tmp_path)
    notes_file(given).write_bytes(content)
    use(given)


@pytest.mark.parametrize("way", ["folders", "files", "deep", "pipe"])
def test_a_registry_full_of_garbage(tmp_path: Path, way: str) -> None:
    """Whatever somebody puts below the registry, looking at it neither hangs nor fails."""
    given = environ(tmp_path)
    registry = Path(readings.paths(**given).registry)
    if way == "pipe":
        os.mkfifo(registry / "pipe")
        (registry / "link").symlink_to("pipe")
        (registry / "zero").symlink_to("/dev/zero")
    elif way == "deep":
        here = os.open(registry, os.O_RDONLY)
        for _ in range(20):
            os.mkdir("folder" * 40, dir_fd=here)
            here, above = os.open("folder" * 40, os.O_RDONLY, dir_fd=here), here
            os.close(above)
        os.close(here)
    else:
        for number in range(3000):
            path = registry / f"{number}"
            path.mkdir() if way == "folders" else path.touch()
    applied = AppliedState(readings.paths(**given))
    applied.remember("path", "x", DATABASE)
    assert applied.validate(DATABASE) is (way == "pipe")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "garbage",
        "1",
        "1.",
        "2026.2",
        f"2026.{HUGE}",
        f"2026.2.3-{HUGE}",
        "2026.2.3-" + "a." * 5000,
        "٣.٣",
        "1.2-²",
        "\0",
    ],
    ids=lambda text: text[:12],
)
def test_a_version_that_is_none(text: str) -> None:
    """What can't be a version is none, in a note, in a table and in what a command prints."""
    for found in (version.parse(text), version.find(text), version.find(f"Octopus {text} (x)")):
        assert found is None or str(found) in text


@pytest.mark.parametrize(
    "xml",
    [
        b"<?xml version='1.0' encoding='klingon'?><License/>",
        b"<?xml version='1.0' encoding='utf-32'?><License/>",
        b"<?xml version='1.0' encoding='cp037'?><License/>",
        b"<?xml version='1.0' encoding='utf-16'?><License/>",
        b"<?xml version='1.0' encoding='shift_jis'?><License/>",
        b"<License>" + b"<a>" * 20_000,
        b"<a>" * 10_000 + b"</a>" * 10_000,
        b'<!DOCTYPE x [<!ENTITY a "'
        + b"x" * 1000
        + b'"><!ENTITY b "'
        + b"&a;" * 900
        + b'">]><x>'
        + b"&b;" * 900
        + b"</x>",
        b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><License>&a;</License>',
        b"\0\xff" * 100,
    ],
    ids=lambda xml: xml[:40],
)
def test_a_licence_that_is_none(xml: bytes) -> None:
    """A licence with an unknown encoding, or XML that is made to do harm, is refused with a sentence."""
    with pytest.raises(ValueError, match="OCTOPUS_SERVER_BASE64_LICENSE must be base64 of the licence's XML"):
        parsers.parse(variables.BY_NAME["OCTOPUS_SERVER_BASE64_LICENSE"], base64.b64encode(xml).decode())


@pytest.fixture
def state_folder(tmp_path: Path) -> str:
    """Give a run folder with the state of a node that prepares."""
    folder = statefile.make_folder(environ(tmp_path)["OCTO_NODE_RUN_DIR"])
    assert folder == str(tmp_path / "run")
    statefile.write(folder, statefile.NODE, {"phase": "preparing", "booted": 1.0, "phases": {}})
    return folder


def seen(configuration: Configuration) -> Facts:
    """Return what `status` makes of the state files, after it was shown."""
    told = {name: value for part in states.fragments(configuration) for name, value in part.items()}
    facts = Assembly(configuration).facts(told, {}, 0.0)
    status_view.show(lambda console: status_view.screen(facts, console))
    assert json.loads(json.dumps(facts)) == facts
    return facts


STATES = {
    statefile.NODE: (
        *(
            "pid",
            "start",
            "phase",
            "phases",
            "booted",
            "server",
            "dockerd",
            "clock",
            "ended",
            "code",
            "reaped",
            "stage",
        ),
    ),
    statefile.PREFLIGHT: ("warnings",),
    statefile.END: ("reason",),
    statefile.LAST: ("phase", "code", "ended"),
    statefile.LAST_END: ("reason",),
    statefile.PREPARE: ("doing", "since", "steps"),
    statefile.SETTLE: ("timeline", "seconds", "whole"),
    statefile.DRAIN: ("wanted", "at"),
}


@pytest.mark.parametrize(("name", "field"), [(name, field) for name, fields in STATES.items() for field in fields])
def test_a_state_of_another_type(tmp_path: Path, state_folder: str, name: str, field: str) -> None:
    """A state file whose values are of other types is as good as none, for everybody who reads it."""
    given = environ(tmp_path)
    for value in [*VALUES, {"state": 1}, {"state": "x", "restarts": [], "pid": {}}, {"preparing": "x"}]:
        statefile.write(state_folder, name, {"phase": "preparing"} | {field: value})
        assert phase_summary.sentence(state_folder)
        seen(readings.configuration(given))
        node, prepare = (state_reader.read(state_folder, one) or {} for one in (statefile.NODE, statefile.PREPARE))
        boot_summary.timeline(node, prepare)


@pytest.mark.parametrize(
    "content", [b"[" * 60_000, b'{"pid": ' + HUGE.encode() + b"}", b"{}" + b" " * (1 << 20), b"\xff"]
)
def test_a_broken_state(tmp_path: Path, state_folder: str, content: bytes) -> None:
    """A state file that can't be one is none."""
    Path(state_folder, "node.json").write_bytes(content)
    assert (
        phase_summary.sentence(state_reader.find_folder(environ(tmp_path)["OCTO_NODE_RUN_DIR"]))
        == "no state of a node was found here"
    )
