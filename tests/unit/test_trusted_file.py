"""Files in folders that others may write to: nothing that stands in our way is followed, waited for or believed."""

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from processes import ROOT

from entrypoint.base import state_reader, statefile, termination_message, trusted_file
from entrypoint.init import report
from entrypoint.octopus.notes_file import NotesFile


SECONDS = 20
VICTIM = "what belongs to somebody else\n"
OTHER = 12345  # a user that nobody is
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    """Fail a test that waits for a pipe, instead of waiting with it."""

    def fail(_number: int, _frame: object) -> None:
        raise AssertionError(f"it hangs: no answer for {SECONDS} s")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """Give a file that isn't ours to read or write."""
    path = tmp_path / "victim"
    path.write_text(VICTIM)
    return path


TRICKS: dict[str, Callable[[Path, Path], object]] = {
    "a symlink": lambda path, victim: path.symlink_to(victim),
    "a symlink to nothing": lambda path, victim: path.symlink_to(victim.with_name("new")),
    "a hard link": lambda path, victim: path.hardlink_to(victim),
    "a pipe": lambda path, _: os.mkfifo(path),
    "a device": lambda path, _: path.symlink_to("/dev/zero"),
    "a folder": lambda path, _: path.mkdir(),
}
trick = pytest.mark.parametrize("trick", TRICKS.values(), ids=TRICKS)


@trick
def test_what_isnt_a_plain_file_isnt_read(tmp_path: Path, victim: Path, trick: Callable[[Path, Path], object]) -> None:
    """State, notes and the server's log are read only from plain files, and a pipe isn't waited for."""
    for name in ("node.json", "octo-node.json", "OctopusServer.txt"):
        trick(tmp_path / name, victim)
    with pytest.raises(OSError):  # noqa: PT011 - which one depends on the trick
        trusted_file.read(str(tmp_path / "node.json"), 1000)
    assert state_reader.read(str(tmp_path), statefile.NODE) is None
    assert NotesFile(tmp_path / "octo-node.json").get("salt") is None
    assert report.tail(str(tmp_path / "OctopusServer.txt")) == ("", False)


@trick
def test_what_stands_in_the_way_is_replaced(
    tmp_path: Path, victim: Path, trick: Callable[[Path, Path], object]
) -> None:
    """State and notes are written beside what somebody put in their place, then take that place; it isn't followed."""
    for name in ("node.json", f".node.{os.getpid()}", "octo-node.json", f"octo-node.{os.getpid()}"):
        trick(tmp_path / name, victim)
    if (tmp_path / "node.json").is_dir():
        with pytest.raises(IsADirectoryError):
            statefile.write(str(tmp_path), statefile.NODE, {"phase": "up"})
    else:
        statefile.write(str(tmp_path), statefile.NODE, {"phase": "up"})
        NotesFile(tmp_path / "octo-node.json").put("schema", "2026.2.197")
        assert (state_reader.read(str(tmp_path), statefile.NODE) or {})["phase"] == "up"
        assert NotesFile(tmp_path / "octo-node.json").get("schema") == "2026.2.197"
    assert victim.read_text() == VICTIM
    assert not victim.with_name("new").exists()
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".node.json")], "a temporary file is left"


@trick
def test_no_termination_message_goes_elsewhere(
    tmp_path: Path, victim: Path, trick: Callable[[Path, Path], object]
) -> None:
    """The termination message is written to a plain file only, whose content isn't another's as well."""
    trick(tmp_path / "termination-log", victim)
    termination_message.write(str(tmp_path / "termination-log"), "a reason")
    assert victim.read_text() == VICTIM
    assert not victim.with_name("new").exists()


@trick
def test_the_lock_is_a_plain_file(tmp_path: Path, victim: Path, trick: Callable[[Path, Path], object]) -> None:
    """The lock of drain and undrain isn't opened through what somebody put there."""
    trick(tmp_path / "drain.lock", victim)
    with pytest.raises(OSError) as caught:  # noqa: PT011 - as above
        statefile.open_lock(str(tmp_path), "drain")
    assert caught.value.errno in {errno.EPERM, errno.ELOOP, errno.EISDIR}
    os.close(statefile.open_lock(str(tmp_path), "other"))
    assert (tmp_path / "other.lock").stat().st_mode & 0o777 == 0o600


def test_a_stack_trace_hides_nothing(tmp_path: Path) -> None:
    """However many frames stand below it, what the server died of is among the last lines of its log."""
    frames = "".join(f"   at Octopus.Core.Startup.Frame{number}(String[] arguments)\n" for number in range(60))
    text = f"2026 FATAL Failed upgrading.\nUnrecognised prefix.\nSystem.Exception\n{frames}Terminating.\n"
    (tmp_path / "OctopusServer.txt").write_text(text)
    told, _ = report.tail(str(tmp_path / "OctopusServer.txt"))
    assert told.startswith("2026 FATAL Failed upgrading.\n")
    assert told.endswith("Terminating.\n")
    assert told.count("   at ") == 5


@needs_root
def test_what_another_user_wrote_isnt_believed(tmp_path: Path) -> None:
    """A state, notes or a log of another user are as good as none."""
    statefile.write(str(tmp_path), statefile.NODE, {"phase": "up"})
    NotesFile(tmp_path / "octo-node.json").put("schema", "2026.2.197")
    (tmp_path / "OctopusServer.txt").write_text("forged\n")
    for path in tmp_path.iterdir():
        os.chown(path, OTHER, OTHER)
    assert state_reader.read(str(tmp_path), statefile.NODE) is None
    assert NotesFile(tmp_path / "octo-node.json").get("schema") is None
    assert report.tail(str(tmp_path / "OctopusServer.txt")) == ("", False)


PROGRAM = """
import os, sys
from pathlib import Path
os.umask(int(sys.argv[1], 8))
from entrypoint.base import state_reader, statefile
from entrypoint.octopus.notes_file import NotesFile
folder = statefile.make_folder(sys.argv[2] + "/above/run")
statefile.write(folder, "node", {})
os.close(statefile.open_lock(folder, "drain"))
NotesFile(Path(sys.argv[2], "notes")).put("a", 1)
"""


@pytest.mark.parametrize("umask", ["000", "022", "077", "277"])
def test_the_umask_changes_nothing(tmp_path: Path, umask: str) -> None:
    """Whatever the umask is, the run folder and what is in it are private, and nobody can replace the folder."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, umask, tmp_path], cwd=ROOT, timeout=60, check=True)
    assert done.returncode == 0
    modes = {path.relative_to(tmp_path): path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    lock = modes.pop(Path("above/run/drain.lock"))
    assert lock & 0o177 == 0
    assert {str(path): oct(mode) for path, mode in modes.items()} == {
        "above": "0o755",
        "above/run": "0o700",
        "above/run/node.json": "0o600",
        "notes": "0o600",
    }


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    """While a file is replaced again and again, each reading gives one whole content."""
    path = str(tmp_path / "file")
    contents = {bytes([letter]) * 100_000 for letter in b"abc"}
    trusted_file.replace(path, b"a" * 100_000)
    over = threading.Event()

    def write() -> None:
        while not over.is_set():
            for content in contents:
                trusted_file.replace(path, content)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert {trusted_file.read(path, 100_000) for _ in range(200)} <= contents
    finally:
        over.set()
        writer.join()


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    """What can't be written whole leaves what was there, and no temporary file."""
    path = tmp_path / "file"
    trusted_file.replace(str(path), b"old")
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))\n"
        "from entrypoint.base import trusted_file; trusted_file.replace(sys.argv[1], b'new' * 100)"
    )
    done = subprocess.run([sys.executable, "-c", program, path], cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert b"File too large" in done.stderr
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]
