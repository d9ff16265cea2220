"""Each reader is asked for more than its limit: docs/limits.md has them all."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import limits
import pyodbc
import pytest
from processes import ROOT
from readings import paths
from standin.sqlserver.testing import SqlServer

from entrypoint import http_probe
from entrypoint.base import files, forked, kept_log, log_relay, oom, sql_ping, state_reader, statefile
from entrypoint.diagnose import sources
from entrypoint.dockerd import container_trial, lacks, ping, stale_files, watch
from entrypoint.dockerd.iptables import Iptables
from entrypoint.init import report
from entrypoint.node.facts import answers, container
from entrypoint.node.server_command import Mask
from entrypoint.octopus import applied_state, command_output, http, shared_marks, version, version_history
from entrypoint.octopus.notes_file import NotesFile
from entrypoint.prepare.schema import earlier_installation
from entrypoint.settings import secrets_memfd
from entrypoint.sqlserver import connect, driver_manager, handshake, network, prelogin, trust
from entrypoint.sqlserver.connection_string import parse


Case = Callable[[Path], None]
CASES: dict[str, Case] = {}
# limits for which a whole program, or a database, is asked for more
ELSEWHERE = {
    "a request for metrics, health endpoints or the page": "test_monitoring.py::test_slow_clients_keep_nobody_out",
    "a line of the process that looks at the node": (
        "test_monitoring.py::test_an_observer_that_crashes_or_babbles_is_over"
    ),
    "all of a bundle of `diagnose`": "../process/test_diagnose.py::test_a_node_that_waits_for_what_hangs",
}


def beyond(name: str) -> Callable[[Case], Case]:
    """Have a function be the one that asks for more than limit `name`."""

    def register(case: Case) -> Case:
        CASES[name] = case
        return case

    return register


def test_each_limit_is_tried() -> None:
    """There is no limit without a test that asks for more, and no such test without a limit."""
    assert CASES.keys() | ELSEWHERE.keys() == limits.BY_NAME.keys()
    for place in ELSEWHERE.values():
        file, _, name = place.partition("::")
        assert f"def {name}(" in (Path(__file__).parent / file).read_text(), place


@pytest.mark.parametrize("name", CASES)
def test_more_than_the_limit(tmp_path: Path, name: str) -> None:
    """What is more than the limit is what the document says: left out, refused, or no answer; and it takes no time."""
    begun = time.monotonic()
    CASES[name](tmp_path)
    assert time.monotonic() - begun < 120


@contextmanager
def speaker(say: bytes, family: int = socket.AF_INET, where: object = ("127.0.0.1", 0)) -> Iterator[socket.socket]:
    """Give a socket that tells whoever connects the same without end, whatever was asked."""
    with socket.socket(family) as server:
        server.bind(where)  # type: ignore[arg-type]  # of its family
        server.listen()

        def tell() -> None:
            while True:
                try:
                    client = server.accept()[0]
                except OSError:
                    return
                with client, suppress(OSError):
                    client.recv(1 << 16)
                    while True:
                        client.sendall(say)

        thread = threading.Thread(target=tell)
        thread.start()
        yield server
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def grown(path: Path, size: int) -> str:
    """Return the path of a new file of `size` bytes."""
    with path.open("wb") as file:
        file.truncate(size)
    return str(path)


# --- files


@beyond("a file that a variable names")
def _(folder: Path) -> None:
    path = grown(folder / "file", files.MAX_BYTES + 1)
    assert "is larger than" in files.read([path])[1][path]


@beyond("what a child process tells that may hang")
def _(folder: Path) -> None:
    assert forked.run(lambda _: bytes(forked._MAX + 2), ["x"], 60.0) == {"x": None}


@beyond("a state file")
def _(folder: Path) -> None:
    (folder / "node.json").write_text('{"phase": "up"}' + " " * state_reader._LIMIT)
    assert state_reader.read(str(folder), statefile.NODE) is None


@beyond("notes on what was configured")
def _(folder: Path) -> None:
    (folder / "notes").write_text('{"a": 1}' + " " * (1 << 20))
    assert NotesFile(folder / "notes").get("a") is None


@beyond("the registry and the configuration file")
def _(folder: Path) -> None:
    for number in range(applied_state._MAX_FILES + 1):
        (folder / str(number)).touch()
    with pytest.raises(OSError, match="too many files"):
        applied_state._files(str(folder))
    place = paths(OCTO_NODE_ROOT=str(folder / "root"))
    Path(place.registry).mkdir(parents=True)
    Path(place.config_file).parent.mkdir(parents=True)
    grown(Path(place.registry) / "x", 1 << 34)
    grown(Path(place.config_file), 1 << 34)
    assert applied_state._files_digest(place)


@beyond("octo-node's own log that is kept")
def _(folder: Path) -> None:
    grown(folder / "log.1", 2 * kept_log.MAX_BYTES + 1)
    (folder / "log").write_text("line\n" * (kept_log.LINES + 1))
    assert kept_log.read(str(folder)) == b"line\n" * kept_log.LINES


@beyond("lines for the container's log")
def _(folder: Path) -> None:
    inbox = log_relay.Inbox(str(folder))
    (folder / "lines").write_bytes(b"x" * 99 + b"\n" + b"line\n" * (1 << 20))
    assert sum(map(len, inbox.lines())) < log_relay._MAX + (1 << 17)


@beyond("the note on tasks that are cut off")
def _(folder: Path) -> None:
    inbox = log_relay.Inbox(str(folder))
    (folder / "cut-off").write_bytes(b"x" * (log_relay._MAX_NOTE + 1))
    assert inbox.note() == ""


@beyond("the server's log in a termination message")
def _(folder: Path) -> None:
    with (folder / "log").open("wb") as file:
        file.truncate(1 << 34)
        file.seek(0, os.SEEK_END)
        file.write(b"\nline" * 10000)
    text, _ = report.tail(str(folder / "log"))
    assert set(text.split()) == {"line"}
    assert len(text) <= report._TAIL


@beyond("counters of the control group")
def _(folder: Path) -> None:
    (folder / "memory.events").write_text("x 1\n" * 10000 + "oom_kill 7\n")
    number = os.open(folder / "memory.events", os.O_RDONLY)
    assert oom.kills(number) is None
    os.close(number)
    assert len(container._read(str(folder / "memory.events")) or "") <= container._ROOM


@beyond("secrets that prepare tells process 1")
def _(folder: Path) -> None:
    number = os.memfd_create("learnt")
    for _ in range(2):
        secrets_memfd.learn("x" * secrets_memfd._ROOM, number)
    assert secrets_memfd.learnt_secrets(number) == []
    os.close(number)


@beyond("certificates in a folder")
def _(folder: Path) -> None:
    for number in range(trust._MOST_FILES + 1):
        (folder / str(number)).write_bytes(b"x" * 8192)
    found = list(trust._contents(str(folder)))
    assert len(found) == trust._MOST_FILES
    assert sum(map(len, found)) == trust._MOST_BYTES


@beyond("the ODBC drivers' configuration")
def _(folder: Path) -> None:
    (folder / "odbcinst.ini").write_text("\n" * driver_manager._MAX_FILE + "[x]\nDriver=/lib/x.so\n")
    assert driver_manager.libraries(folder / "odbcinst.ini", "x") == []


@beyond("marks of other nodes")
def _(folder: Path) -> None:
    place = folder / shared_marks.FOLDER
    place.mkdir()
    for number in range(shared_marks.MOST + 1):
        (place / f"{number:06}").touch()
    assert len(shared_marks.read(str(folder))) == shared_marks.MOST


@beyond("the version in a mark")
def _(folder: Path) -> None:
    assert shared_marks.leave([str(folder)], "octopus-0", "1" * 1000) == []
    assert shared_marks.versions([str(folder)]) == {"octopus-0": "1" * shared_marks.VERSION_BYTES}


@beyond("files of an earlier installation")
def _(folder: Path) -> None:
    for number in range(earlier_installation.MOST + 1):
        (folder / f".{number}").touch()
    assert earlier_installation.first_file(str(folder)) == b"more than 2000 entries"


@beyond("a pid file of an earlier dockerd's")
def _(folder: Path) -> None:
    path = folder / "python.pid"
    for text in (f"{os.getpid()}", " " * (1 << 20) + f"{os.getpid()}"):
        path.write_text(text)
        name = Path(f"/proc/{os.getpid()}/comm").read_text().strip()
        path = path.rename(folder / f"{name}.pid")
        assert stale_files._is_alive(str(path)) is (len(text) < stale_files._MOST)
    path.unlink()
    os.mkfifo(path)
    assert not stale_files._is_alive(str(path))


@beyond("a file in a bundle of `diagnose`")
def _(folder: Path) -> None:
    text = "".join(sources._file(grown(folder / "log", 1 << 33), 4096))
    assert len(text) < 4096 + 200


# --- what commands print


@beyond("the output of a command")
def _(folder: Path) -> None:
    output = command_output.CommandOutput()
    assert [len(line) for line in output.take(b"x" * (1 << 24) + b"\n")] == [command_output.MAX_LINE + 4]
    for _ in range(3):
        list(output.take(b"line\n" * command_output.KEPT))
    assert len(str(output).splitlines()) == command_output.KEPT


@beyond("a line of the server's that is wrapped")
def _(folder: Path) -> None:
    command = [sys.executable, "-c", "from entrypoint.base import wrap_lines; wrap_lines.run('server')"]
    done = subprocess.run(command, input=b"x" * (1 << 22), capture_output=True, cwd=ROOT, timeout=100, check=True)
    assert max(map(len, done.stderr.splitlines())) < 5000


@beyond("what `server VERB` keeps back to mask it")
def _(folder: Path) -> None:
    mask = Mask(["s" * (1 << 22)])
    shown = mask.take(b"s" * ((1 << 20) + 1))
    assert len(shown) == (1 << 20) + 1


@beyond("a version")
def _(folder: Path) -> None:
    assert version.parse("2026." + "1" * 100 + ".1") is None
    assert version.find("2026.1." + "1" * (1 << 20)) is None


@beyond("what iptables prints")
def _(folder: Path) -> None:
    program = folder / "iptables"
    program.write_text("#!/bin/sh\nexec head -c 50000000 /dev/zero\n")
    program.chmod(0o755)
    said = Iptables({"PATH": f"{folder}:{os.environ['PATH']}"}).version()
    assert said is not None
    assert len(said) <= 4096


# --- answers


def _asked(say: bytes) -> str:
    with speaker(say) as server, pytest.raises(http.NoAnswerError) as caught:
        http.ask("http", server.getsockname()[1], "GET", "/", headers={}, seconds=60)
    return str(caught.value)


@beyond("an answer of the server's API")
def _(folder: Path) -> None:
    assert "too long" in _asked(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (1 << 20))


@beyond("the headers of an answer")
def _(folder: Path) -> None:
    assert "isn't HTTP" in _asked(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 100000)
    assert "too long" in _asked(b"HTTP/1.1 100 Continue\r\n\r\n" * 10)


@beyond("the Retry-After of an answer")
def _(folder: Path) -> None:
    for text in ("9" * 4000, "Fri, 31 Dec 9999 23:59:59 GMT"):
        assert http.pause_of(text) in {http.PAUSE_SECONDS[1], None}


@beyond("an answer to the probe")
def _(folder: Path) -> None:
    with speaker(b"HTTP/1.1 " + b"x" * 65536) as server:
        port, deadline = server.getsockname()[1], time.monotonic() + 60
        connection = http_probe.connect("localhost", port, deadline)
        with pytest.raises(ValueError, match="isn't HTTP"):
            http_probe.status_of(connection, "localhost", "/", deadline)
        connection.close()


@beyond("an engine's answer to a ping")
def _(folder: Path) -> None:
    with speaker(b"x" * 65536, socket.AF_UNIX, str(folder / "s")):
        assert "was answered with 'xxx" in str(ping.problem(f"unix://{folder}/s"))


@beyond("an engine's events")
def _(folder: Path) -> None:
    with speaker(b"x" * 65536, socket.AF_UNIX, str(folder / "s")):
        assert not watch._listen(f"unix://{folder}/s")


@beyond("subordinate ids, and what the kernel tells of itself")
def _(folder: Path) -> None:
    (folder / "subuid").write_text("root:1:1\n" * 100000)
    assert len(lacks._ranges(str(folder / "subuid"), "root")) < 100000


@beyond("an engine's other answers")
def _(folder: Path) -> None:
    with speaker(b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * (1 << 21), socket.AF_UNIX, str(folder / "s")):
        assert answers.containers(f"unix://{folder}/s", 60.0) is None
        with pytest.raises((ValueError, RecursionError)):
            container_trial._ask(f"unix://{folder}/s", "GET", "/")


# --- SQL Server


@beyond("SQL Server's sign of life")
def _(folder: Path) -> None:
    with speaker(b"x" * 65536) as server:
        assert sql_ping.is_answered("127.0.0.1", server.getsockname()[1], 60.0, strict=False)


@beyond("SQL Server's answer to PRELOGIN")
def _(folder: Path) -> None:
    with speaker(b"\x04\x01\xff\xff" + b"\0" * 65536) as server:
        assert prelogin.encryption("127.0.0.1", server.getsockname()[1], 30.0) is None


@beyond("SQL Server's handshake")
def _(folder: Path) -> None:
    with speaker(b"\x12\x01\x00\x08" + b"\0" * 4) as server:
        assert handshake.refusal("127.0.0.1", server.getsockname()[1], b"", by_name=False) is None


@beyond("the SQL Server Browser's answer")
def _(folder: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as browser:
        browser.bind(("127.0.0.1", 0))

        def tell() -> None:
            browser.sendto(b"x" * 60000, browser.recvfrom(64)[1])

        thread = threading.Thread(target=tell)
        thread.start()
        with pytest.raises(network.UnreachableError, match="unknown instance"):
            network.ask_browser("127.0.0.1", "octo", 30.0, browser.getsockname()[1])
        thread.join()


@beyond("SQL Server's answer to a question")
def _(folder: Path) -> None:
    with SqlServer.start(folder / "sql") as server:
        server.query("master", "CREATE TABLE T (n int)")
        for number in range(300):
            server.query("master", "INSERT INTO T VALUES (?)", number)
        with connect.connect(parse(server.connection_string())) as connection:
            assert len(connection.execute("SELECT n FROM T")) == 300
            with pytest.raises(pyodbc.DataError, match=f"more than {connect.MOST_ROWS} rows"):
                connection.execute("SELECT a.n FROM T a CROSS JOIN T b")


@beyond("versions that nodes recorded")
def _(folder: Path) -> None:
    table = "dbo.OctopusServerInstallationHistory"
    with SqlServer.start(folder / "sql") as server, server.connect(database="master") as other:
        other.execute(f"CREATE TABLE {table} (Node nvarchar(50), Version nvarchar(50), Installed datetimeoffset)")
        insert = f"INSERT INTO {table} VALUES (?, '2026.1.1', SYSDATETIMEOFFSET())"  # noqa: S608 - a literal
        for number in range(version_history.MOST + 1):
            other.execute(insert, f"octopus-{number}")
        with connect.connect(parse(server.connection_string())) as connection:
            assert len(version_history.read(connection).notes) == version_history.MOST
