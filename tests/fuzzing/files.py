"""State files and notes of any content: read, shown, or as good as none."""

import functools
import json
import os
import tempfile
from pathlib import Path

import readings

from entrypoint.base import phase_summary, state_reader, statefile
from entrypoint.node import boot_summary, status_view
from entrypoint.node.facts import states
from entrypoint.node.facts.assembly import Assembly
from entrypoint.octopus import applied_state as memories
from entrypoint.octopus import version
from entrypoint.octopus.applied_state import AppliedState

from . import Target


STATES = (
    statefile.NODE, statefile.PREPARE, statefile.SETTLE, statefile.DRAIN, statefile.PREFLIGHT, statefile.END,
    statefile.LAST, statefile.LAST_END,
)  # fmt: skip
NOTES = 8  # numbers that mean the notes
DATABASE = {"server": "db", "name": "Octopus"}
FIELDS = (
    "pid", "start", "phase", "phases", "booted", "server", "dockerd", "clock", "ended", "code", "reaped", "stage",
    "warnings", "reason", "doing", "since", "steps", "timeline", "seconds", "whole", "wanted", "at", "state",
    "restarts", "salt", "database", "files", "version", "schema", "making", "import", "left_out", "history", "text",
    "file", "options",
)  # fmt: skip
WORDS = (
    *(f'"{name}": '.encode() for name in FIELDS), b"{", b"}", b"[", b"]", b", ", b": ", b'""', b"0", b"-1", b"1.5",
    b"1e999", b"NaN", b"Infinity", b"true", b"null", b'"up"', b'"preparing"', b'"stopping"', b"\xff", b"\0",
    b"[" * 2000, b"9" * 400, b"9" * 5000, b'"\\ud800"', b'"' + b"ab" * 16 + b'"', b'"\\u001b[31m"', b'"2026.2.197"',
)  # fmt: skip
SEEDS = (
    b'\x00{"pid": 1, "start": 5, "phase": "up", "booted": 1.0, "phases": {"up": 2.0}, "server": {"pid": 1}}',
    b'\x01{"pid": 1, "start": 5, "doing": "waiting for SQL Server", "since": 1.0, "steps": {"sql": 1.0}}',
    b'\x02{"pid": 1, "start": 5, "timeline": "x", "seconds": {"a": 1}, "whole": 2.0}',
    b'\x08{"salt": "' + b"ab" * 16 + b'", "steps": {"path": "x"}, "version": {"file": [1, 2], "text": "1.2.3"}}',
)


@functools.cache
def _given() -> dict[str, str]:
    """Return the environment of a configured instance in a folder of its own."""
    memories._COST = 2  # noqa: SLF001 - a digest costs less than in earnest
    folder = tempfile.mkdtemp(prefix="octo-node-fuzz-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
    given = {"OCTO_NODE_ROOT": folder, "OCTO_NODE_RUN_DIR": f"{folder}/run"}
    for path in (Path(readings.paths(**given).config_file), Path(readings.paths(**given).registry, "instance")):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("it is there")
    assert statefile.make_folder(given["OCTO_NODE_RUN_DIR"])
    statefile.write(given["OCTO_NODE_RUN_DIR"], statefile.NODE, {"phase": "preparing", "booted": 1.0, "phases": {}})
    return given


def check(data: bytes) -> None:
    """Put the bytes in the place of the file whose number the first one is."""
    number = (data[0] if data else 0) % (len(STATES) + NOTES)
    if number < len(STATES):
        _check_state(STATES[number], data[1:])
    else:
        _check_notes(data[1:])


def _check_state(name: str, content: bytes) -> None:
    """Show the node's status and the probe's sentence with `content` in the place of a state file."""
    folder = _given()["OCTO_NODE_RUN_DIR"]
    path = Path(statefile.path(folder, name))
    before = path.read_bytes() if path.exists() else None
    path.write_bytes(content)
    try:
        assert phase_summary.sentence(folder)
        phase_summary.is_held(folder)
        configuration = readings.configuration(_given())
        told = {name: value for part in states.fragments(configuration) for name, value in part.items()}
        facts = Assembly(configuration).facts(told, {}, 0.0)
        status_view.show(lambda console: status_view.screen(facts, console))
        assert json.loads(json.dumps(facts, allow_nan=False)) == facts
        node, prepare = (state_reader.read(folder, one) or {} for one in (statefile.NODE, statefile.PREPARE))
        boot_summary.timeline(node, prepare)
    finally:
        path.unlink() if before is None else path.write_bytes(before)


def _check_notes(content: bytes) -> None:
    """Read and write the notes with `content` in their place: what is noted then is known."""
    paths = readings.paths(**_given())
    file = Path(paths.home, "octo-node.json")
    file.write_bytes(content)
    file.chmod(0o600)
    applied = AppliedState(paths)
    applied.validate(DATABASE)
    applied.may_be_of(DATABASE)
    digest = applied.digest("path", ["input"])
    applied.knows("path", digest)
    known = version.known(applied, "/bin/sh")
    assert known is None or str(known)
    own = version.Version("2026.2.197", (2026, 2, 197, 0), ())
    version.is_of_schema(applied, own)
    version.left_out(applied, own)
    applied.note_files()
    applied.remember("path", digest, DATABASE)
    again = AppliedState(paths)
    assert again.validate(DATABASE)
    assert again.knows("path", again.digest("path", ["input"]))


TARGETS = (Target("state-files-and-notes", check, WORDS, SEEDS),)
