"""What bad input and bad luck get: a sentence, an exit code, and nothing left behind."""

import itertools
import os
import signal
import threading
import time
from pathlib import Path

import pytest
from node import DATABASE, Node
from processes import children, wait_until
from standin.sqlserver.testing import SqlServer


STEP_SECONDS = float(os.environ.get("OCTO_TEST_STOP_STEP", "0.010"))  # scripts/soak makes it half as long
BOOT_SECONDS = 1.2  # at least


def begun(node: Node) -> list[str]:
    """Return the verbs that Octopus.Server was started with."""
    return [line["verb"] for line in node.journal() if line.get("event") == "start"]


def refused(node: Node) -> tuple[int, str]:
    """Start a node that won't come up; return its exit code and its termination message."""
    code = node.start().wait()
    assert begun(node) == []
    return code, node.termination


def test_eula(tmp_path: Path) -> None:
    """Without an accepted EULA nothing else is looked at: one line, exit code 10."""
    with Node(tmp_path, ACCEPT_EULA="N", TASK_CAP="ten") as node:
        code, message = refused(node)

        assert code == 10
        assert "You must accept the EULA" in message
        assert "https://octopus.com/company/legal" in message
        assert "ACCEPT_EULA=Y" in message
        assert "TASK_CAP" not in node.log
        assert node.log.count("EULA.") == 1


BAD = {
    "DB_CONNECTION_STRING": "Server=db;Database=x;User Id=sa;Password=hush-hush;Nonsense=1",
    "MASTER_KEY": "c2hvcnQ=",
    "TASK_CAP": "-1",
    "OCTOPUS_SERVER_BASE64_LICENSE": "bm8gbGljZW5jZQ==",
    "ADMIN_API_KEY": "hush-key",
    "SSL_CERTIFICATE_FILE": "/nowhere/at-all.pfx",
    "ADMIN_PASSWORD": "with\x07bell",
    "OCTO_NODE_SQL_WAIT": "soon",
    "WEB_FORCE_SSL": "perhaps",
}


def test_everything_at_once(tmp_path: Path) -> None:
    """All that is wrong with the environment is told in one go (11), and no secret with it."""
    with Node(tmp_path) as node:
        node.environment |= BAD
        code, message = refused(node)

        assert code == 11
        for name in BAD:
            assert name in message
            assert name in node.log
        for secret in ("hush-hush", "hush-key", "c2hvcnQ=", "bm8gbGljZW5jZQ==", "bell"):
            assert secret not in node.log + message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TASK_CAP", "ten"),
        ("MASTER_KEY", "not base64 at all!"),
        ("OCTOPUS_SERVER_BASE64_LICENSE", "PG5vdC14bWw="),
        ("ADMIN_EMAIL", "two\nlines"),
        ("DB_CONNECTION_STRING", "Server=db;Database='x"),
        ("OCTO_NODE_UNDRAIN", "sometimes"),
    ],
)
def test_one_problem(tmp_path: Path, sql: SqlServer, name: str, value: str) -> None:
    """Each kind of bad value is refused by name (11)."""
    with Node(tmp_path, sql, **{name: value}) as node:
        code, message = refused(node)

        assert code == 11
        assert name in message
        assert message.count("\n") == 0


def test_invalid_utf8(tmp_path: Path, sql: SqlServer) -> None:
    """A value that isn't UTF-8 is refused (11)."""
    with Node(tmp_path, sql, ADMIN_EMAIL=os.fsdecode(b"\xff@x")) as node:
        code, message = refused(node)

        assert code == 11
        assert "ADMIN_EMAIL isn't valid UTF-8" in message


def test_both_ways(tmp_path: Path, sql: SqlServer) -> None:
    """A variable that is given both directly and as a file is refused (11)."""
    with Node(tmp_path, sql, ADMIN_PASSWORD_FILE="/dev/null") as node:
        code, message = refused(node)

        assert code == 11
        assert "ADMIN_PASSWORD and ADMIN_PASSWORD_FILE are both set" in message


def test_misspelt(tmp_path: Path) -> None:
    """A variable that is one letter off gets a warning with the right name."""
    with Node(tmp_path, ADMIN_PASWORD="x", OCTO_NODE_SQLWAIT="5", TASK_CAP="ten") as node:
        refused(node)

        assert "ADMIN_PASWORD isn't a variable of this image: did you mean ADMIN_PASSWORD?" in node.log
        assert "did you mean OCTO_NODE_SQL_WAIT?" in node.log


def test_no_executable(tmp_path: Path, sql: SqlServer) -> None:
    """Without Octopus.Server there is nothing to start (11)."""
    with Node(tmp_path, sql) as node:
        (tmp_path / "Octopus/Octopus.Server").unlink()
        code, message = refused(node)

        assert code == 11
        assert "OCTO_NODE_SERVER_DIR" in message


def test_folder(tmp_path: Path, sql: SqlServer) -> None:
    """A folder that can't be written is named (18)."""
    with Node(tmp_path, sql) as node:
        (node.root / "repository").write_text("a file in its place")
        code, message = refused(node)

        assert code == 18
        assert f"{node.root}/repository can't be written" in message


def test_lowest_code_wins(tmp_path: Path, sql: SqlServer) -> None:
    """Several problems end with the lowest of their codes."""
    with Node(tmp_path, sql, TASK_CAP="ten") as node:
        (node.root / "repository").write_text("a file in its place")
        code, message = refused(node)

        assert code == 11
        assert "repository" in message


def test_sql_server_never_comes(tmp_path: Path, sql: SqlServer) -> None:
    """SQL Server that isn't there in time ends it (12), the last reason named."""
    sql.stop()
    with Node(tmp_path, sql, OCTO_NODE_SQL_WAIT="2") as node:
        code, message = refused(node)

        assert code == 12
        assert "refused" in message


def test_wrong_password(tmp_path: Path, sql: SqlServer) -> None:
    """A refused login is tried four times, 8 s apart, and no faster (13)."""
    wrong = sql.connection_string(DATABASE, password="not-the-password")
    with Node(tmp_path, DB_CONNECTION_STRING=wrong) as node:
        began = time.monotonic()
        code, message = refused(node)

        assert code == 13
        assert time.monotonic() - began > 3 * 8
        assert "not-the-password" not in message + node.log


@pytest.mark.parametrize("verb", ["create-instance", "database", "configure", "path", "admin", "node"])
def test_failing_command(tmp_path: Path, sql: SqlServer, verb: str) -> None:
    """A configure command that fails ends it (16), with the last lines of what it said."""
    with Node(tmp_path, sql, TASK_CAP="3") as node:
        node.control(fail={verb: {"code": 1, "text": "The moon is in the wrong house."}})

        assert node.start().wait() == 16
        assert verb in node.termination
        assert "The moon is in the wrong house." in node.termination


def test_foreign_database(tmp_path: Path, sql: SqlServer) -> None:
    """A database with tables that aren't Octopus's is left alone (11)."""
    sql.query("master", f"CREATE DATABASE [{DATABASE}]")
    sql.query(DATABASE, "CREATE TABLE Invoice (Id int)")
    with Node(tmp_path, sql) as node:
        assert node.start().wait() == 11
        assert "another application's" in node.termination
        assert [verb for verb in begun(node) if verb != "version"] == []


def ended(node: Node) -> bool:
    """Return whether nothing of the node runs any more, found by its folder in every process's environment."""
    marker = f"OCTO_NODE_RUN_DIR={node.run_dir}".encode()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and marker in (entry / "environ").read_bytes().split(b"\0"):
                return False
        except OSError:
            continue
    return True


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGQUIT, 131)])
@pytest.mark.parametrize("verb", ["database", "admin"])
def test_stop_during_a_command(tmp_path: Path, sql: SqlServer, number: int, code: int, verb: str) -> None:
    """A stop while a command runs ends that, then the node, with 128 + the signal; nothing is left."""
    with Node(tmp_path, sql) as node:
        node.control(hang=[verb])
        node.start("subreaper")
        wait_until(lambda: verb in begun(node), what=f"{verb} runs")

        assert node.terminate(number) == code
        wait_until(lambda: ended(node), what="nothing is left")


@pytest.mark.parametrize("verb", ["database", "configure", "admin", "node"])
@pytest.mark.parametrize("whom", ["prepare", "sql"])
def test_killed_during_a_command(tmp_path: Path, sql: SqlServer, whom: str, verb: str) -> None:
    """Prepare or SQL Server killed while a command runs: the code says so, and the command doesn't outlive it."""
    with Node(tmp_path, sql, TASK_CAP="3") as node:
        node.control(startup={verb: 2.0})
        node.start("subreaper")
        wait_until(lambda: verb in begun(node), what=f"{verb} runs")
        if whom == "sql":
            sql.kill()
        else:
            os.kill(
                next(pid for pid in children(node.pid) if b"prepare" in Path(f"/proc/{pid}/cmdline").read_bytes()), 9
            )

        assert node.wait() == {"prepare": 137, "sql": 12}[whom], node.log
        wait_until(lambda: ended(node), what="nothing is left")


def stop_after(folder: Path, sql: SqlServer, seconds: float, results: list[tuple[float, int, bool, str]]) -> None:
    """Boot a configured node, send TERM so many seconds after it can hear it, and note what came of it."""
    with Node(folder, sql, OCTO_NODE_RUN_DIR=str(folder / f"run-{seconds:.3f}")) as node:
        node.start()
        node.wait_listening()
        time.sleep(seconds)
        node.send()
        code = node.wait()
        results.append((seconds, code, "Octopus.Server is started" in node.log, node.log))


@pytest.mark.timeout(600)  # 120 boots and more
def test_stop_at_every_moment(tmp_path: Path, sql: SqlServer) -> None:
    """TERM at each step of a boot, from when the signals are blocked: none is lost, none swallowed in between."""
    key = "6EdU6IWsCtMEwk0kPKflQQ=="
    folders = [tmp_path / name for name in ("a", "b", "c")]
    for folder in folders:
        with Node(folder, sql, MASTER_KEY=key) as node:
            node.start().wait_phase("up")
            node.terminate()
    results: list[tuple[float, int, bool, str]] = []

    def work(first: int) -> None:
        for moment in itertools.count(first, len(folders)):
            stop_after(folders[first], sql, moment * STEP_SECONDS, results)
            if moment >= BOOT_SECONDS / STEP_SECONDS and results[-1][2]:
                return  # the server was there: it is the whole boot

    threads = [threading.Thread(target=work, args=(first,)) for first in range(len(folders))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seconds, code, started, log in results:
        assert code == 143 or (started and code == 0), f"TERM after {seconds} s gave {code}:\n{log}"
        assert "Signal TERM" in log, f"TERM after {seconds} s was lost:\n{log}"
