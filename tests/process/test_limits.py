"""What a container may lack: open files, processes, memfd, a disk with room, a file server that answers."""

import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from node import DATABASE, Node
from processes import OCTO_NODE, wait_until
from standin.sqlserver.testing import SqlServer


PROGRAMS = Path(__file__).parent / "programs"
REFUSE = (sys.executable, str(PROGRAMS / "refuse.py"))
HUNG = (sys.executable, str(PROGRAMS / "hung.py"))
PIDS = (Path("/sys/fs/cgroup/pids"), Path("/sys/fs/cgroup"))
IN_OPEN, INOTIFY_EVENT = 0x20, 16  # inotify(7): the event, and the bytes of one without a name
# a mount namespace of our own, by root or as root of a user namespace
MOUNTS = ("unshare", *(() if os.getuid() == 0 else ("-Ur",)), "-m")


def check(node: Node, *wrapper: str, seconds: float = 60, verb: str = "check") -> subprocess.CompletedProcess[str]:
    """Run `octo-node check` with the node's environment, behind `wrapper`."""
    environment = {name: value for name, value in node.environment.items() if value}
    words = [*wrapper, *OCTO_NODE, verb]
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=seconds, check=False)


# --- open files and processes


@pytest.mark.parametrize("files", [6, 7, 8, 9, 10, 12])
def test_few_open_files(tmp_path: Path, files: int) -> None:
    """Where a node may open too few files the limit is named (11), and there is no traceback."""
    sql = "Server=127.0.0.1,1;Database=x;User Id=sa;Password=hush-hush"
    with Node(tmp_path, DB_CONNECTION_STRING=sql) as node:
        code = node.start(program=("prlimit", f"--nofile={files}", *OCTO_NODE)).wait()
        assert code == 11, node.log
        assert "the limit of open files is reached: raise it (`--ulimit nofile=65536`)" in node.termination
        assert "Traceback" not in node.log


@pytest.fixture
def group() -> Iterator[Path]:
    """A cgroup in which the number of processes can be limited."""
    group = next((place for place in PIDS if place.is_dir()), PIDS[0]) / f"octo-test-{os.urandom(4).hex()}"
    try:
        group.mkdir()
        (group / "pids.max").write_text("max")
    except OSError as error:
        pytest.skip(f"needs the pids controller: {error.strerror}")
    yield group
    wait_until(lambda: not (group / "cgroup.procs").read_text(), what="nobody is left in the cgroup")
    group.rmdir()


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_few_processes(tmp_path: Path, group: Path, processes: int) -> None:
    """Where a node may start too few processes the limit is named (11), by whoever meets it."""
    (group / "pids.max").write_text(str(processes))
    join = ("sh", "-c", f'echo 0 >{group}/cgroup.procs && exec "$@"', "sh")
    with Node(tmp_path, DB_CONNECTION_STRING="Server=127.0.0.1,1;Database=x;User Id=sa;Password=hush-hush") as node:
        code = node.start(program=(*join, *OCTO_NODE)).wait()
        assert code == 11, node.log
        assert "the limit of processes is reached: raise it (`--pids-limit`" in node.termination
        assert "Traceback" not in node.log


def test_a_command_without_a_process(group: Path) -> None:
    """A command under `init` that no process can be had for is told so as well (126)."""
    (group / "pids.max").write_text("1")
    join = ("sh", "-c", f'echo 0 >{group}/cgroup.procs && exec "$@"', "sh")
    done = subprocess.run([*join, *OCTO_NODE, "init", "--", "true"], capture_output=True, text=True, check=False)
    assert done.returncode == 126
    assert "octo-node: true: Resource temporarily unavailable (the limit of processes is reached" in done.stderr


# --- memfd


@pytest.mark.parametrize("error", ["EPERM", "ENOSYS"])
def test_without_memfd(tmp_path: Path, sql: SqlServer, error: str) -> None:
    """Where memfd_create is refused a file without a name holds the secrets, as the memfd does elsewhere."""
    with Node(tmp_path, sql) as node:
        node.start(program=(*REFUSE, "memfd_create", error, *OCTO_NODE)).wait_phase("up")
        for pid in node.pids():
            assert b"S3cret-of-the-admin!" not in Path(f"/proc/{pid}/environ").read_bytes()
        held = [link for link in Path(f"/proc/{node.pid}/fd").iterdir() if "/dev/shm/#" in str(link.readlink())]
        assert len(held) == 1
        assert node.verb("drain", "--wait=30").returncode == 0
        for link in Path(f"/proc/{node.server()}/fd").iterdir():
            assert "/dev/shm" not in str(link.readlink())
        assert node.terminate() == 0


def test_no_place_for_secrets(tmp_path: Path, sql: SqlServer) -> None:
    """Where there is no shared memory either, both refusals are named, and what to do (11)."""
    hide = ("sh", "-c", 'mount --bind /proc/self /dev/shm && exec "$@"', "sh")
    with Node(tmp_path, sql) as node:
        code = node.start(program=(*hide, *REFUSE, "memfd_create", "EPERM", *OCTO_NODE)).wait()
        assert code == 11, node.log
        for told in (node.log, node.termination):
            assert "memfd_create is refused here (Operation not permitted), and so is a file in /dev/shm" in told
            assert "Traceback" not in told


# --- folders


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        ("check", "has no space left. Free space there."),
        ("preflight", "can't be written by user 0:0: No space left on device"),
    ],
)
def test_a_full_disk(tmp_path: Path, sql: SqlServer, verb: str, said: str) -> None:
    """A folder on a disk without room is named (18), although an empty file still fits."""
    with Node(tmp_path, sql) as node:
        folder = node.root / "artifacts"
        folder.mkdir()
        fill = f"mount -t tmpfs -o size=64k,nr_inodes=100 full {folder} && head -c 64k /dev/zero >{folder}/old"
        done = check(node, *MOUNTS, "sh", "-c", f'{fill} && exec "$@"', "sh", verb=verb)
        assert done.returncode == 18, done.stderr
        assert f"{folder} {said}" in done.stdout + done.stderr


@pytest.mark.parametrize("folder", ["etc/octopus", "home/octopus/.octopus/OctopusServer/Server/Logs", "cache"])
def test_a_folder_that_the_server_writes_to(tmp_path: Path, sql: SqlServer, folder: str) -> None:
    """The registry's folder, the server's Logs and all others are tried (18)."""
    with Node(tmp_path, sql) as node:
        place = node.root / folder
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("a file in its place")
        done = check(node)
        assert done.returncode == 18
        assert f"{place} can't be written by user" in done.stdout


def test_a_file_system_without_fsync(tmp_path: Path, sql: SqlServer) -> None:
    """A file system that knows no fsync is as good as any other, for the folders and for a master key."""
    with Node(tmp_path, sql) as node:
        (node.root / "masterKey").mkdir()
        node.start(program=(*REFUSE, "fsync", "EINVAL", *OCTO_NODE)).wait_phase("up")
        assert (node.root / "masterKey" / "OctopusServer").read_text().endswith("=\n")


def test_a_disk_that_fails(tmp_path: Path, sql: SqlServer) -> None:
    """What doesn't reach the disk isn't written (18)."""
    with Node(tmp_path, sql) as node:
        done = check(node, *REFUSE, "fsync", "EIO", verb="preflight")
        assert done.returncode == 18
        assert f"{node.root}/repository can't be written by user" in done.stderr
        assert "Input/output error" in done.stderr


# --- a file server that hangs


@pytest.mark.skipif(not Path("/dev/fuse").exists(), reason="needs /dev/fuse")
@pytest.mark.parametrize("name", ["ADMIN_PASSWORD_FILE", "SSL_CERTIFICATE_FILE", "OCTO_NODE_LOG_FORMAT_FILE"])
def test_a_file_on_a_hung_file_server(tmp_path: Path, sql: SqlServer, name: str) -> None:
    """A file that never answers is named (11) after its time, whoever reads it."""
    (tmp_path / "nfs").mkdir()
    variable = name.removesuffix("_FILE")
    with Node(tmp_path, sql, **{variable: "", name: f"{tmp_path}/nfs/file"}) as node:
        began = time.monotonic()
        done = check(node, *MOUNTS, *HUNG, f"{tmp_path}/nfs")
        assert done.returncode == 11, done.stderr
        assert f"{tmp_path}/nfs/file" in done.stdout
        assert "gave no answer within 5 s (a file server that hangs?)" in done.stdout
        assert time.monotonic() - began > 5


@pytest.mark.skipif(not Path("/dev/fuse").exists(), reason="needs /dev/fuse")
def test_process_1_beside_a_hung_file_server(tmp_path: Path, sql: SqlServer) -> None:
    """Process 1 reads its files once, at the start and for a limited time, and ends with preflight's reasons."""
    (tmp_path / "nfs").mkdir()
    files = {f"{name}_FILE": f"{tmp_path}/nfs/{name}" for name in ("OCTO_NODE_STOP_TIMEOUT", "MASTER_KEY")}
    with Node(tmp_path, sql, **files) as node:
        assert node.start(program=(*HUNG, f"{tmp_path}/nfs", *OCTO_NODE)).wait() == 11
        for name, path in files.items():
            assert f"The file that {name} names, {path}, gave no answer within 5 s" in node.termination


@pytest.mark.skipif(not Path("/dev/fuse").exists(), reason="needs /dev/fuse")
def test_an_import_on_a_hung_file_server(tmp_path: Path, sql: SqlServer) -> None:
    """An /import that hangs doesn't hold the schema's lock: the start ends (11), and no database is made."""
    with Node(tmp_path, sql) as node:
        folder = node.root / "import"
        folder.mkdir(exist_ok=True)
        assert node.start(program=(*HUNG, str(folder), *OCTO_NODE)).wait() == 11
        assert "Whether there is an export to import isn't known" in node.termination
        assert not [line for line in node.journal() if line.get("verb") == "database"]


@pytest.mark.parametrize("name", ["ADMIN_PASSWORD_FILE", "SSL_CERTIFICATE_FILE"])
def test_a_file_that_never_ends(tmp_path: Path, sql: SqlServer, name: str) -> None:
    """A pipe, a device and a directory are refused at once, in a whole node."""
    os.mkfifo(tmp_path / "pipe")
    with Node(tmp_path, sql, ADMIN_PASSWORD="") as node:
        for path in (str(tmp_path / "pipe"), "/dev/zero", str(tmp_path)):
            node.environment[name] = path
            done = check(node, seconds=4)
            assert done.returncode == 11
            assert f"{path}, but that is a" in done.stdout or f"{path}, is a" in done.stdout


# --- read once


def test_each_file_is_opened_once(tmp_path: Path) -> None:
    """A process opens each file that a variable names once, however many of its parts want to know the value."""
    libc = ctypes.CDLL(None, use_errno=True)
    opens = {}
    texts = {"DB_CONNECTION_STRING": "Server=127.0.0.1,1;Database=x;User Id=sa;Password=hush", "OCTO_NODE_ROOT": "/"}
    with Node(tmp_path, DB_CONNECTION_STRING="", OCTO_NODE_ROOT="") as node:
        for name, text in texts.items():
            path = tmp_path / name
            path.write_text(text)
            node.environment[f"{name}_FILE"] = str(path)
            opens[name] = libc.inotify_init1(os.O_NONBLOCK)
            libc.inotify_add_watch(opens[name], os.fsencode(path), IN_OPEN)
        done = check(node)
        assert "Server=" not in done.stdout + done.stderr
    for number in opens.values():
        assert len(os.read(number, 4096)) == INOTIFY_EVENT
        os.close(number)


def test_a_secret_that_changes_while_prepare_waits(tmp_path: Path, sql: SqlServer) -> None:
    """The database that was looked at is the one that is made, also if the file names another one meanwhile."""
    first, second = sql.connection_string(DATABASE), sql.connection_string("Another")
    sql.stop()
    (tmp_path / "..one").mkdir()
    (tmp_path / "..two").mkdir()
    (tmp_path / "..one" / "secret").write_text(first)
    (tmp_path / "..two" / "secret").write_text(second)
    (tmp_path / "..data").symlink_to("..one")
    with Node(tmp_path, DB_CONNECTION_STRING_FILE=str(tmp_path / "..data" / "secret")) as node:
        node.start()
        node.wait_log("refused")
        (tmp_path / "..new").symlink_to("..two")
        (tmp_path / "..new").replace(tmp_path / "..data")
        sql.launch()
        node.wait_phase("up", "failed")
        lines = [line for line in node.journal() if line.get("verb") == "database" and line.get("event") == "start"]
        assert lines
        assert not [row for row in sql.query("master", "SELECT name FROM sys.databases") if row[0] == "Another"]
        assert [row for row in sql.query("master", "SELECT name FROM sys.databases") if row[0] == DATABASE]
