"""What a deployment script can do to a node that it runs in: as a user of its own, and as the server's.

Each test is a line of docs/security.md.
"""

import base64
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from node import Node
from processes import OCTO_NODE, enter, wait_until
from scripted import DOOR, Scripted, up
from standin.sqlserver.testing import SqlServer

from entrypoint.settings import variables


LOG = "home/octopus/.octopus/OctopusServer/Server/Logs/OctopusServer.txt"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Scripted]:
    """Give a node that isn't started yet."""
    with Scripted(tmp_path) as one:
        yield one


def end_server(node: Node, *lines: str) -> str:
    """Have the server end after it has logged `lines`; return the termination message."""
    log = node.root / LOG
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as file:
        file.writelines(f"{line}\n" for line in lines)
    os.kill(node.server(), signal.SIGKILL)
    assert node.wait() == 137
    return node.termination


# --- the run folder


HOSTILE = {
    "pipes": "mkfifo {run}/.node.1 {run}/.node.2 {run}/node.json {run}/prepare.json {run}/drain.json {run}/drain.lock",
    "links": "for name in .node.1 .node.2 node.json drain.json drain.lock; do ln -s {victim} {run}/$name; done",
    "a forged state": """echo '{{"phase": "up", "pid": 1, "start": 1, "server": null}}' >{run}/node.json""",
}


@pytest.mark.parametrize("trick", HOSTILE)
def test_a_run_folder_that_others_can_write(node: Scripted, trick: str) -> None:
    """Pipes, links and forged files in an open run folder are neither waited for, followed nor believed.

    The node takes another folder and says so; TERM is heard; probe, status and drain answer, and by what is true.
    """
    user = 200_000 + os.getpid()  # one that no other node on this machine has
    other, victim = node.run_dir, node.folder / "victim"
    victim.write_text("untouched")
    other.mkdir()
    other.chmod(0o777)
    subprocess.run(["/bin/sh", "-c", HOSTILE[trick].format(run=other, victim=victim)], timeout=60, check=True)
    node.run_dir = Path(f"/tmp/octo-node-{user}")
    try:
        node.start("process 1", ("unshare", f"--map-user={user}", *DOOR)).wait_phase("up")
        assert f"Other users could write to {other}, or own it, so the state files are in {node.run_dir}" in node.log
        assert victim.read_text() == "untouched"
        assert node.process is not None
        outer = [] if os.getuid() == 0 else enter(node.process.pid)[:-2]
        beside = [*outer, "nsenter", "-t", str(node.pid), "-U", "--preserve-credentials", "-p", "-m", *OCTO_NODE]

        def verb(*words: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [*beside, *words], env=node.environment, capture_output=True, text=True, timeout=60, check=False
            )

        assert verb("status").stdout.startswith("the node is up")
        probe = verb("probe", "readiness", "--timeout=2")
        assert probe.returncode == 1
        assert "the node is up" in probe.stdout
        assert "there is nothing to drain" not in verb("drain", "--wait=1").stderr, "the server runs"
        assert node.terminate() == 143
    finally:
        shutil.rmtree(node.run_dir, ignore_errors=True)


# --- what is said: the termination message


def test_what_prepare_learnt_is_masked(node: Scripted) -> None:
    """The end of the server's log is quoted without the secrets that stand in no variable as they are printed.

    That is the connection string's password alone, a licence without its line breaks, and a key that prepare drew.
    """
    licence = base64.b64encode(b"<License>" + b"x" * 100 + b"</License>").decode()
    node.environment |= {
        "DB_CONNECTION_STRING": "Server=db;Database=x;User Id=sa;Password='Pass;word-1';Encrypt=False",
        "OCTOPUS_SERVER_BASE64_LICENSE": "\n".join(licence[i : i + 60] for i in range(0, len(licence), 60)),
    }
    learn = f"import os, sys; sys.path.insert(0, {str(Path(DOOR[1]).parents[3])!r})"
    learn += "; from entrypoint.settings import secrets_memfd; from entrypoint.settings.environment import Environment"
    learn += "; number = Environment(os.environ).learnt"
    learn += "; secrets_memfd.learn('KEY-THAT-WAS-DRAWN==', number); secrets_memfd.learn('ANOTHER-ONE', number)"
    node.script("prepare", f'{sys.executable} -c "{learn}"')
    up(node)
    message = end_server(
        node, f"License: {licence}", "login with Pass;word-1 failed", "KEY-THAT-WAS-DRAWN== ANOTHER-ONE"
    )
    assert message.splitlines()[-3:] == ["License: ********", "login with ******** failed", "******** ********"]


def test_a_key_that_was_drawn_is_masked(tmp_path: Path) -> None:
    """The master key of a new database, which is in no variable, is in none of our lines and messages."""
    with SqlServer.start(tmp_path / "sql", tls="off") as sql, Node(tmp_path, sql) as one:
        (one.root / "masterKey").mkdir()
        one.start().wait_phase("up")
        key = (one.root / "masterKey/OctopusServer").read_text().strip()
        message = end_server(one, f"The key is {key}.")
        assert message.splitlines()[-1] == "The key is ********."
        assert key not in one.log


def test_no_command_line_has_a_secret_once_scripts_run(tmp_path: Path) -> None:
    """What octo-node runs beside the server is given no secret, neither as argument nor in its environment."""
    with SqlServer.start(tmp_path / "sql", tls="off") as sql, Node(tmp_path, sql) as one:
        one.start().wait_phase("up")
        assert one.verb("drain", "--wait=20").returncode == 0
        assert one.verb("undrain").returncode == 0
        assert one.terminate() == 0
        started = [line for line in one.journal() if line["event"] == "start"]
        verbs = [line["verb"] for line in started]
        beside = started[verbs.index("run") :]
        assert [line["verb"] for line in beside] == ["run", "node", "node"]
        for line in beside:
            assert not variables.SECRETS & set(line["environment"])
            for name in variables.SECRETS & one.environment.keys():
                assert one.environment[name] not in " ".join(line["argv"])


def test_helpers_alone_get_what_is_learnt(node: Scripted) -> None:
    """Octopus.Server, and with it every script, inherits no way to what prepare tells process 1."""
    server = up(node).server()
    assert "OCTO_NODE_LEARNT_FD" not in Path(f"/proc/{server}/environ").read_text()
    assert sorted(os.listdir(f"/proc/{server}/fd")) == ["0", "1", "2"]


@pytest.mark.parametrize("trick", ["symlink", "pipe", "hard link"])
def test_the_log_that_is_quoted_is_the_servers(node: Scripted, trick: str) -> None:
    """What somebody puts in the place of the server's log isn't quoted, and a pipe there isn't waited for."""
    log, victim = node.root / LOG, node.folder / "victim"
    log.parent.mkdir(parents=True)
    victim.write_text("another's secret\n")
    if trick == "pipe":
        os.mkfifo(log)
    elif trick == "symlink":
        log.symlink_to(victim)
    else:
        log.hardlink_to(victim)
    up(node)
    os.kill(node.server(), signal.SIGKILL)
    assert node.wait() == 137
    assert "another's secret" not in node.termination
    assert node.termination.startswith("Octopus.Server ended by itself with exit code 137")


# --- what is read: the secrets

# of root's capabilities, those in a container that is given no others
KEPT = (
    "chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service net_raw sys_chroot mknod audit_write "
    "setfcap"
)
BOUNDING_SET = ",".join(["-all", *(f"+{name}" for name in KEPT.split())])


def test_the_same_user_reads_no_secret(node: Scripted) -> None:
    """Environment, memory and descriptors of process 1 can't be read by its own user, root included.

    That takes a capability (CAP_SYS_PTRACE, for some CAP_PERFMON) that a container has only if it is privileged.
    """
    up(node)
    files = "/proc/1/environ /proc/1/mem /proc/1/maps /proc/1/fd/3 /proc/1/fd/4"
    done = subprocess.run(
        [*enter(node.pid), "setpriv", f"--bounding-set={BOUNDING_SET}", "sh", "-c", f"cat {files}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == ""
    assert done.stderr.count("denied") >= 5


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_another_user_reads_and_kills_nothing(node: Scripted) -> None:
    """A script as a user of its own reads no secret, no state and no memory of octo-node, and can end none of it."""
    up(node)
    attempts = f"""
        cat /proc/1/environ; cat /proc/1/maps; ls /proc/1/fd; cat {node.run_dir}/node.json
        echo x >{node.run_dir}/node.json; ln -s /etc/passwd {node.run_dir}/drain.json; rm -f {node.run_dir}/node.json
        for number in 1 2 9 15; do kill -$number 1; done
    """
    done = subprocess.run(
        [*enter(node.pid), "setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", "sh", "-c", attempts],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == ""
    assert done.stderr.count("denied") + done.stderr.count("not permitted") >= 9
    assert node.state()["phase"] == "up"
    assert os.listdir(node.run_dir) == ["node.json"]
    wait_until(lambda: node.verb("status").stdout.startswith("the node is up"))


# --- what is killed


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP, signal.SIGSEGV, signal.SIGBUS])
def test_the_same_user_cannot_end_process_1(node: Scripted, number: int) -> None:
    """In the container the kernel drops what would end or stop process 1 against its will, whoever sends it."""
    up(node)
    subprocess.run([*enter(node.pid), "kill", f"-{int(number)}", "1"], timeout=60, check=True)
    assert node.verb("status").stdout.startswith("the node is up")
    assert node.terminate() == 143
