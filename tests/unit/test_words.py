"""The words that every process of octo-node shares: log lines, JSON, masks, exit codes, variables, handing over."""

import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import readings

from entrypoint.base import files, json_text, log_line, termination_message
from entrypoint.base.exitcodes import ExitCode, of_status
from entrypoint.base.phases import Phase
from entrypoint.base.redact import MASK, mask
from entrypoint.settings import secrets_memfd, variables
from entrypoint.settings.environment import Environment, UnreadableError


SECRET = "Secret-of-the-test"
STYLES = ["console", "json"]
STRANGE = "a\0b\nc\rd\x1b[31me\u2028f\x7fg\udc80h\ud800i"
CONSOLE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (info   |warning|error  ) run: (.*)\n")


# --- log lines


def test_a_console_line_has_time_level_process_event_and_fields() -> None:
    """A line for people: fields follow the event, quoted where they have a space in them or nothing at all."""
    text = log_line.line("console", "run", "info", "It is up.", {"pid": 7, "why": "it had to", "none": "", "port": "x"})
    match = CONSOLE.fullmatch(text.decode())
    assert match
    assert match[2] == 'It is up. pid=7 why="it had to" none="" port=x'


def test_a_json_line_has_the_same() -> None:
    """A line for machines: one object with the same keys."""
    entry = json.loads(log_line.line("json", "run", "info", "It is up.", {"pid": 7, "why": "it had to"}))
    assert list(entry) == ["time", "level", "process", "event", "pid", "why"]
    assert entry | {"time": ""} == {
        "time": "",
        "level": "info",
        "process": "run",
        "event": "It is up.",
        "pid": 7,
        "why": "it had to",
    }


@pytest.mark.parametrize("style", STYLES)
def test_an_event_is_one_line_whatever_is_in_it(style: str) -> None:
    """Control characters, line ends and halves of characters neither break a line nor reach a terminal."""
    line = log_line.line(style, "run", "error", STRANGE, {"field": STRANGE})
    text = line.decode("utf-8")
    assert len(text.splitlines()) == 1 or style == "json"
    assert not re.search(r"[\0-\x09\x0b-\x1f]", text)
    assert text.count("\n") == 1
    if style == "json":
        assert json.loads(line)["field"] == STRANGE


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("character", ["x", "é", "🐙", "\0", "\udc80", '"', "\\"])
@pytest.mark.parametrize("count", [100, 4000, 4096, 5000, 100_000])
def test_a_line_is_never_longer_than_a_pipe_takes_at_once(style: str, character: str, count: int) -> None:
    """However long an event or a field is, the line has 4096 bytes at most, and what is cut is the longest."""
    for event, fields in ((character * count, {"short": "kept"}), ("kept", {"long": character * count})):
        line = log_line.line(style, "run", "warning", event, fields)
        assert len(line) <= 4096
        assert line.endswith(b"\n")
        assert b"kept" in line
        if style == "json":
            json.loads(line)
        if count > 4096:
            assert b"..." in line
            assert len(line) > 3000, "cut too much"


# --- JSON


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        0,
        -7,
        1 << 70,
        0.0,
        0.1,
        -1.5e300,
        5e-324,
        1e16,
        "",
        "text",
        '"quoted" \\ and / slashes',
        "\0\x01\t\n\r\x1f\x7f\x80\u2028",
        "🐙 é",
        "half \ud83d of \udc80",
        ExitCode.SETTINGS,
        Phase.UP,
        [],
        {},
        [1, [2, [None, True, "x"]]],
        (1, 2),
        {"a": {"b": [1.5, ExitCode.DONE]}, "": None, "é\n": Phase.FAILED},
    ],
)
def test_json_is_what_the_json_module_writes(value: object) -> None:
    """What is written without the json module is read by it as what it would have written itself."""
    text = json_text.dumps(value).encode("utf-8", "backslashreplace")
    assert b"\n" not in text
    assert json.loads(text) == json.loads(json.dumps(value))
    assert type(json.loads(text)) is type(json.loads(json.dumps(value)))


# --- masks


def test_every_secret_is_masked() -> None:
    """No value is left, and of two that begin alike the longer goes first."""
    assert mask("abcdef, abcd; wxyz", ["abcd", "abcdef", "wxyz"]) == f"{MASK}, {MASK}; {MASK}"


def test_a_very_short_value_masks_no_words() -> None:
    """A secret of three characters or none would make a log unreadable."""
    assert mask("a cat sat", ["", "a", "cat"]) == "a cat sat"


# --- exit codes


def test_a_wait_status_is_what_a_shell_makes_of_it() -> None:
    """An exit code is itself; a signal is 128 and its number, with or without a core."""
    assert [of_status(code << 8) for code in range(256)] == list(range(256))
    for number in range(1, 65):
        assert of_status(number) == of_status(number | 0x80) == 128 + number


# --- variables


def lookup(name: str, environ: dict[str, str]) -> str | None:
    """Return what `environ` says of a variable."""
    return Environment(environ).lookup(name)


def test_a_variable_comes_from_the_environment_or_a_file(tmp_path: Path) -> None:
    """NAME and NAME_FILE give the same value; an empty one means not set."""
    file = tmp_path / "file"
    file.write_text("from a file")
    assert lookup("ADMIN_PASSWORD", {"ADMIN_PASSWORD": "x"}) == "x"
    assert lookup("ADMIN_PASSWORD", {"ADMIN_PASSWORD_FILE": str(file)}) == "from a file"
    for environ in ({}, {"ADMIN_PASSWORD": ""}, {"ADMIN_PASSWORD_FILE": ""}):
        assert lookup("ADMIN_PASSWORD", environ) is None
    both_empty = {"ADMIN_PASSWORD": "", "ADMIN_PASSWORD_FILE": str(file)}
    assert lookup("ADMIN_PASSWORD", both_empty) == "from a file"


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"x\n", "x"),
        (b"x\n\n", "x\n"),
        (b" x ", " x "),
        (b"x\r\n", "x\r"),
        (b"\xff", "\udcff"),
    ],
)
def test_one_newline_at_the_end_of_a_file_is_dropped(tmp_path: Path, content: bytes, value: str) -> None:
    """Editors end a file with a newline, and that is all that is taken away from it."""
    file = tmp_path / "file"
    file.write_bytes(content)
    assert lookup("ADMIN_PASSWORD", {"ADMIN_PASSWORD_FILE": str(file)}) == value


def test_a_value_given_twice_is_refused(tmp_path: Path) -> None:
    """NAME and NAME_FILE together are a mistake, and the sentence has no value in it."""
    with pytest.raises(UnreadableError, match=r"ADMIN_PASSWORD and ADMIN_PASSWORD_FILE are both set") as caught:
        lookup("ADMIN_PASSWORD", {"ADMIN_PASSWORD": SECRET, "ADMIN_PASSWORD_FILE": str(tmp_path)})
    assert SECRET not in str(caught.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """What is no regular file, has nothing in it or far too much is named with the reason; defaults then stand."""
    large, empty, line, pipe = (tmp_path / name for name in ("large", "empty", "line", "pipe"))
    large.write_bytes(b"x" * (files.MAX_BYTES + 1))
    empty.touch()
    line.write_text("\n")
    os.mkfifo(pipe)
    cases = {
        tmp_path / "none": "can't be read: No such file or directory",
        tmp_path: "is a directory",
        large: "is larger than 1048576",
        empty: "is empty: put the value into it",
        line: "is empty",
        pipe: "is a pipe, not a regular file",
        Path("/dev/zero"): "is a device, not a regular file",
        Path("/dev/null"): "is a device, not a regular file",
    }
    for path, reason in cases.items():
        environ = {"OCTO_NODE_SQL_WAIT_FILE": str(path)}
        with pytest.raises(UnreadableError, match=f"OCTO_NODE_SQL_WAIT_FILE names, {path},.*{reason}"):
            lookup("OCTO_NODE_SQL_WAIT", environ)
        assert Environment(environ).text("OCTO_NODE_SQL_WAIT") == "600"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(
            ("5", 5.0),
            ("0", 0.0),
            ("2.5", 2.5),
            ("9999999", 9999999.0),
            ("", 30.0),
            ("soon", 30.0),
            ("-1", 30.0),
            ("1e3", 30.0),
        ),
        *(("²", 30.0), ("10000000", 30.0), ("9" * 400, 30.0)),
    ],
)
def test_seconds_that_make_no_sense_are_the_default(text: str, value: float) -> None:
    """Process 1 goes by the default where preflight will refuse the value."""
    assert readings.base(OCTO_NODE_STOP_TIMEOUT=text).stop_timeout == value
    assert readings.base(OCTO_NODE_DRAIN_ON_STOP="soon").drain_on_stop == 0.0


def test_every_variable_is_described() -> None:
    """Names are declared once, and each has a finished sentence."""
    names = [variable.name for variable in variables.VARIABLES]
    assert len(names) == len(set(names))
    assert all(variable.sentence.endswith(".") for variable in variables.VARIABLES)
    assert {"DB_CONNECTION_STRING", "MASTER_KEY", "ADMIN_PASSWORD", "ADMIN_API_KEY"} <= variables.SECRETS


# --- handing the secrets over


@contextmanager
def memfd(name: str, content: bytes) -> Iterator[int]:
    """Give a memfd with `content`."""
    number = os.memfd_create(name)
    try:
        os.write(number, content)
        yield number
    finally:
        os.close(number)


def test_secrets_survive_the_way_through_a_memfd() -> None:
    """What is split off and packed is whole again on the other side, whatever is in the values."""
    strange = {
        "ADMIN_PASSWORD": "a=b\nc é \udcff",
        "MASTER_KEY": "",
        "DB_CONNECTION_STRING": "Server=db;Password='x=y'",
    }
    public, secrets = secrets_memfd.split({"PATH": "/bin", "ADMIN_PASSWORD_FILE": "/run/x"} | strange)
    assert secrets == strange
    assert public == {"PATH": "/bin", "ADMIN_PASSWORD_FILE": "/run/x"}
    with memfd(secrets_memfd.MEMFD, secrets_memfd.pack(secrets)) as number:
        assert secrets_memfd.unpack(secrets_memfd.descriptor(str(number))) == strange


def test_a_descriptor_that_is_not_ours_is_not_read() -> None:
    """A number in the environment that names no memfd of octo-node gives no secrets and does no harm."""
    with memfd("another", b"ADMIN_PASSWORD=x\0") as other, tempfile.TemporaryFile() as file:
        file.write(b"ADMIN_PASSWORD=x\0")
        for word in (str(other), str(file.fileno()), "99999", "", "x", "-1", "../../1/fd/0", "³", "9" * 40):
            assert secrets_memfd.descriptor(word) is None
            found = Environment({"PATH": "/bin", secrets_memfd.DESCRIPTOR: word})
            assert found.names() == ["PATH"]
            assert found.public == {"PATH": "/bin"}


# --- the termination message


def test_the_termination_message_is_only_written_where_its_file_is(tmp_path: Path) -> None:
    """The file is made by the runtime: it is replaced, cut to what kubelet keeps, and never made."""
    path = tmp_path / "termination-log"
    termination_message.write(str(path), "unheard")
    assert not path.exists()
    path.write_text("an older and much longer message")
    termination_message.write(str(path), "é" * 5000)
    assert path.read_bytes() == "é".encode() * 2048
    termination_message.write(str(path), "")
    assert path.read_bytes() == b""
