"""State files and the sentence that is made of them."""

import json
import os
import subprocess
import time
from pathlib import Path

import pytest
from processes import state_of, wait_until

from entrypoint.base import phase_summary, procfs, state_reader, statefile
from entrypoint.base.phases import Phase


@pytest.fixture(autouse=True)
def fallback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have the stand-in for the run folder below `tmp_path`."""
    folder = tmp_path / "fallback"
    monkeypatch.setattr(statefile, "_fallback", lambda: str(folder))
    return folder


@pytest.fixture
def unwritable(tmp_path: Path) -> Path:
    """Give a path where no folder can be made, not even by root."""
    (tmp_path / "file").touch()
    return tmp_path / "file" / "run"


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """A state has its writer's pid and start time; it is private, and no temporary file is left."""
    folder = statefile.make_folder(str(tmp_path / "run" / "deep"))
    assert folder == str(tmp_path / "run" / "deep")
    statefile.write(folder, statefile.NODE, {"phase": Phase.UP, "text": "é \udc80", "server": None})
    assert os.listdir(folder) == ["node.json"]
    assert (Path(folder) / "node.json").stat().st_mode & 0o777 == 0o600
    state = state_reader.read(folder, statefile.NODE)
    assert state is not None
    assert state["pid"] == os.getpid()
    assert state_reader.is_live(state)
    assert (state["phase"], state["text"], state["server"]) == ("up", "é \udc80", None)


def test_a_state_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """Who has the old file open still reads the old state: it is renamed over, not written over."""
    statefile.write(str(tmp_path), statefile.NODE, {"phase": "preflight"})
    with (tmp_path / "node.json").open(encoding="utf-8") as old:
        statefile.write(str(tmp_path), statefile.NODE, {"phase": "up"})
        assert json.load(old)["phase"] == "preflight"


def test_the_folder_is_emptied(tmp_path: Path) -> None:
    """What a former container left is gone, but for how it ended; what isn't ours stays."""
    for name in ("node.json", "drain.json", "other", "last.json", "last-end.json"):
        (tmp_path / name).write_text(name)
    statefile.make_folder(str(tmp_path))
    assert sorted(os.listdir(tmp_path)) == ["last.json", "other"]
    assert (tmp_path / "last.json").read_text() == "node.json"


def test_the_fallback_is_private(tmp_path: Path, unwritable: Path, fallback: Path) -> None:
    """Where the run folder can't be written, a folder of this user alone takes its place, for readers too."""
    assert state_reader.find_folder(str(unwritable)) is None
    assert statefile.make_folder(str(unwritable)) == str(fallback)
    assert fallback.stat().st_mode & 0o777 == 0o700
    statefile.write(str(fallback), statefile.NODE, {})
    assert state_reader.find_folder(str(unwritable)) == str(fallback)
    (tmp_path / "run").mkdir()
    statefile.write(str(tmp_path / "run"), statefile.NODE, {})
    assert state_reader.find_folder(str(tmp_path / "run")) == str(tmp_path / "run")


@pytest.mark.parametrize("trick", ["symlink", "file", "others may write", "another owner"])
def test_a_fallback_that_is_not_ours_alone_is_refused(
    tmp_path: Path, unwritable: Path, fallback: Path, trick: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In /tmp anybody can be first: a symlink, a file, an open folder or another user's isn't written or believed."""
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    if trick == "symlink":
        fallback.symlink_to(other)
    elif trick == "file":
        fallback.touch()
    else:
        fallback.mkdir(mode=0o777 if trick == "others may write" else 0o700)
        fallback.chmod(0o777 if trick == "others may write" else 0o700)
    if trick != "file":
        (fallback / "node.json").write_text("{}")
    if trick == "another owner":
        uid = os.getuid()
        if uid == 0:
            os.chown(fallback, 12345, 12345)
        else:
            monkeypatch.setattr(os, "geteuid", lambda: uid + 1)
    assert statefile.make_folder(str(unwritable)) is None
    assert state_reader.find_folder(str(unwritable)) is None
    assert trick == "file" or (fallback / "node.json").exists(), "emptied all the same"


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770, 0o757])
def test_a_run_folder_that_others_may_write_is_refused(tmp_path: Path, fallback: Path, mode: int) -> None:
    """A run folder that others can write to is neither written nor read: its stand-in takes its place, for all."""
    given = str(tmp_path / "run")
    (tmp_path / "run").mkdir()
    (tmp_path / "run").chmod(mode)
    (tmp_path / "run/node.json").write_text('{"phase": "up"}')
    (tmp_path / "run/drain.json").write_text("{}")
    assert state_reader.find_folder(given) is None
    assert phase_summary.sentence(state_reader.find_folder(given)) == "no state of a node was found here"
    assert statefile.make_folder(given) == str(fallback)
    assert statefile.is_refused(given)
    statefile.write(str(fallback), statefile.NODE, {"phase": "preflight"})
    assert state_reader.find_folder(given) == str(fallback)
    assert (tmp_path / "run/drain.json").exists(), "emptied all the same"
    assert not statefile.is_refused(str(tmp_path / "new/run"))
    assert not statefile.is_refused(str(fallback))


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give folders away")
def test_a_run_folder_of_another_user_is_refused(tmp_path: Path, fallback: Path) -> None:
    """A run folder that belongs to somebody else isn't used either: its owner may do in it what he likes."""
    (tmp_path / "run").mkdir(mode=0o700)
    os.chown(tmp_path / "run", 12345, 12345)
    assert statefile.make_folder(str(tmp_path / "run")) == str(fallback)
    assert statefile.is_refused(str(tmp_path / "run"))


@pytest.mark.parametrize("trick", ["link", "open"])
def test_a_run_folder_that_was_exchanged_is_not_written(tmp_path: Path, trick: str) -> None:
    """Who may write to the folder above can put another in the place of ours: nothing is written there."""
    folder = statefile.make_folder(str(tmp_path / "run"))
    assert folder is not None
    (tmp_path / "run").rename(tmp_path / "away")
    (tmp_path / "other").mkdir(mode=0o700)
    if trick == "link":
        (tmp_path / "run").symlink_to("other")
    else:
        (tmp_path / "run").mkdir()
        (tmp_path / "run").chmod(0o777)
    with pytest.raises(PermissionError):
        statefile.write(folder, statefile.NODE, {"phase": "up"})
    assert os.listdir(folder) == []


def test_what_a_killed_writer_left_is_cleared(tmp_path: Path) -> None:
    """Temporary files of a former container's writers don't add up."""
    for name in (".node.json.abc", ".prepare.json.def"):
        (tmp_path / name).touch()
    (tmp_path / ".other").touch()
    assert statefile.make_folder(str(tmp_path)) == str(tmp_path)
    assert os.listdir(tmp_path) == [".other"]


@pytest.mark.parametrize("path", ["relative/", ("a" * 250 + "/") * 30, "/proc/self/nothing", "/dev/null/run"])
def test_a_run_folder_that_cannot_be_one(
    path: str, fallback: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever OCTO_NODE_RUN_DIR is, process 1 has a folder or its stand-in; preflight tells what is wrong with it."""
    monkeypatch.chdir(tmp_path)
    assert statefile.make_folder(path) in {path.rstrip("/"), str(fallback)}


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\xff", '{"a":'])
def test_a_broken_state_is_none(tmp_path: Path, text: str) -> None:
    """What isn't a JSON object is read as if there were nothing."""
    (tmp_path / "node.json").write_bytes(text.encode("latin-1"))
    assert state_reader.read(str(tmp_path), statefile.NODE) is None
    assert state_reader.read(str(tmp_path), statefile.DRAIN) is None
    assert state_reader.read(None, statefile.NODE) is None


def test_removing_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    """A state file can be taken away twice."""
    statefile.write(str(tmp_path), statefile.DRAIN, {})
    statefile.remove(str(tmp_path), statefile.DRAIN)
    statefile.remove(str(tmp_path), statefile.DRAIN)
    assert os.listdir(tmp_path) == []


def test_a_process_lives_under_its_pid_and_start_time() -> None:
    """A recycled pid is another process, a zombie is none, and a state without numbers names nobody."""
    own = procfs.start_time(os.getpid())
    assert own is not None
    assert state_reader.is_live({"pid": os.getpid(), "start": own})
    assert not state_reader.is_live({"pid": os.getpid(), "start": own - 1})
    assert not state_reader.is_live({"pid": 2**22 + 1, "start": own})
    for state in ({}, {"pid": os.getpid()}, {"pid": os.getpid(), "start": None}, {"pid": "1", "start": 1}):
        assert not state_reader.is_live(state)
    with subprocess.Popen(["/bin/true"]) as child:
        wait_until(lambda: state_of(child.pid) == "Z", what="it has ended")
        assert procfs.start_time(child.pid) is None


@pytest.mark.parametrize(
    ("phase", "sentence"),
    [
        ("preflight", "not up yet: preflight"),
        ("preparing", "not up yet: preparing"),
        ("starting", "not up yet: starting"),
        ("up", "the node is up"),
        ("stopping", "the node is stopping"),
        ("failed", "the node is failed"),
    ],
)
def test_where_a_node_is(tmp_path: Path, phase: str, sentence: str) -> None:
    """Each phase has its words."""
    assert phase_summary.sentence(state_reader.find_folder(str(tmp_path))) == "no state of a node was found here"
    statefile.write(str(tmp_path), statefile.NODE, {"phase": phase})
    assert phase_summary.sentence(state_reader.find_folder(str(tmp_path))) == sentence


def test_what_prepare_is_doing(tmp_path: Path) -> None:
    """While a node prepares, the sentence says what for how long; afterwards that is no longer of interest."""
    statefile.write(str(tmp_path), statefile.NODE, {"phase": "preparing"})
    statefile.write(str(tmp_path), statefile.PREPARE, {"doing": "waiting for db", "since": time.monotonic() - 42.0})
    assert phase_summary.sentence(state_reader.find_folder(str(tmp_path))).startswith(
        "not up yet: preparing, waiting for db for 4"
    )
    statefile.write(str(tmp_path), statefile.PREPARE, {"doing": "running `admin`"})
    assert phase_summary.sentence(state_reader.find_folder(str(tmp_path))) == "not up yet: preparing, running `admin`"
    statefile.write(str(tmp_path), statefile.NODE, {"phase": "up"})
    assert phase_summary.sentence(state_reader.find_folder(str(tmp_path))) == "the node is up"


def test_a_node_that_is_gone(tmp_path: Path) -> None:
    """A state whose writer has ended is told as such."""
    statefile.write(str(tmp_path), statefile.NODE, {"phase": "up", "start": 1})
    assert phase_summary.sentence(state_reader.find_folder(str(tmp_path))) == (
        "no state of a running node was found here, only of one that has ended (up)"
    )
