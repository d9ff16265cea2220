"""Lines and notes for process 1: what it prints, and what it isn't led to read."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from processes import OCTO_NODE, ROOT, wait_until

from entrypoint.base import log_relay, procfs
from entrypoint.init import stop_drain as stop
from entrypoint.node import drain, server_process


@pytest.fixture(autouse=True)
def told() -> Iterator[list[int]]:
    """Give the signals that process 1, which is this one, gets."""
    found: list[int] = []
    before = signal.signal(log_relay.SIGNAL, lambda number, _: found.append(number))
    yield found
    signal.signal(log_relay.SIGNAL, before)


def test_each_line_comes_once(tmp_path: Path, told: list[int]) -> None:
    """A line wakes process 1, which finds it once, in the order of the lines."""
    inbox = log_relay.Inbox(str(tmp_path))
    for line in (b"one\n", b"two\n"):
        log_relay.append(str(tmp_path), line, os.getpid())
    assert told == [log_relay.SIGNAL, log_relay.SIGNAL]
    assert list(inbox.lines()) == [b"one\n", b"two\n"]
    log_relay.append(str(tmp_path), b"three\n", os.getpid())
    assert list(inbox.lines()) == [b"three\n"]
    assert not list(inbox.lines())


def test_what_a_former_container_left_is_forgotten(tmp_path: Path) -> None:
    """Lines and note of before the start aren't this node's."""
    log_relay.append(str(tmp_path), b"old\n", os.getpid())
    log_relay.write_note(str(tmp_path), "The stop cuts off 1 task.", os.getpid())
    inbox = log_relay.Inbox(str(tmp_path))
    assert not list(inbox.lines())
    assert inbox.note() == ""


def test_the_file_does_not_grow_for_ever(tmp_path: Path) -> None:
    """After a megabyte it is begun anew, and no line is lost."""
    inbox = log_relay.Inbox(str(tmp_path))
    line, found = b"x" * 4095 + b"\n", 0
    for _ in range(600):
        log_relay.append(str(tmp_path), line, os.getpid())
        found += len(list(inbox.lines()))
    assert found == 600
    assert (tmp_path / "lines").stat().st_size < 2 << 20


def test_a_line_without_an_end_waits_for_it(tmp_path: Path) -> None:
    """Half a line isn't printed, and one of more than 64 KB is none: it is taken in pieces."""
    inbox = log_relay.Inbox(str(tmp_path))
    (tmp_path / "lines").write_bytes(b"half")
    assert not list(inbox.lines())
    with (tmp_path / "lines").open("ab") as file:
        file.write(b" of it\n" + b"y" * 200_000)
    assert b"".join(inbox.lines())[:11] == b"half of it\n"


def test_the_note(tmp_path: Path) -> None:
    """The note is the last that was written, until it is taken away."""
    inbox = log_relay.Inbox(str(tmp_path))
    for sentence in ("The stop cuts off 2 tasks.", "The stop cuts off 1 task."):
        log_relay.write_note(str(tmp_path), sentence, os.getpid())
    assert inbox.note() == "The stop cuts off 1 task."
    log_relay.remove_note(str(tmp_path), os.getpid())
    log_relay.remove_note(str(tmp_path), os.getpid())
    assert inbox.note() == ""


def _second_name(path: Path) -> None:
    path.with_suffix(".first").write_text("x\n")
    os.link(path.with_suffix(".first"), path)


HOSTILE: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "a link": lambda path: path.symlink_to("/etc/passwd"),
    "a second name": _second_name,
    "a folder": Path.mkdir,
    "a socket's place": lambda path: os.mknod(path, 0o140600),
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_plain_file_is_not_read(tmp_path: Path, make: Callable[[Path], object], told: list[int]) -> None:
    """A pipe, a link or anything else in their places holds nobody up, nothing of it is printed or written to."""
    inbox = log_relay.Inbox(str(tmp_path))
    for name in ("lines", "cut-off"):
        make(tmp_path / name)
    assert not list(inbox.lines())
    assert inbox.note() == ""
    log_relay.append(str(tmp_path), b"line\n", os.getpid())
    log_relay.write_note(str(tmp_path), "The stop cuts off 1 task.", os.getpid())
    assert told == [log_relay.SIGNAL]
    assert list(inbox.lines()) == [b"line\n"]
    assert inbox.note() == "The stop cuts off 1 task."
    assert not Path(log_relay.spare_folder(os.getpid())).exists()


@pytest.mark.parametrize("folder", ["gone", "not a folder", None])
def test_what_the_run_folder_does_not_take(tmp_path: Path, folder: str | None, told: list[int]) -> None:
    """A run folder that is gone, or takes nothing, mutes nobody: lines and note are found in a folder in /tmp."""
    (tmp_path / "not a folder").touch()
    path = None if folder is None else str(tmp_path / folder)
    inbox = log_relay.Inbox(path)
    try:
        log_relay.append(path, b"line\n", os.getpid())
        log_relay.write_note(path, "The stop cuts off 1 task.", os.getpid())
        assert told == [log_relay.SIGNAL]
        assert list(inbox.lines()) == [b"line\n"]
        assert inbox.note() == "The stop cuts off 1 task."
        log_relay.remove_note(path, os.getpid())
        assert inbox.note() == ""
    finally:
        shutil.rmtree(log_relay.spare_folder(os.getpid()))


def test_a_note_that_nobody_renews(tmp_path: Path) -> None:
    """What was seen some seconds ago may have ended: it is told as what it is."""
    inbox = log_relay.Inbox(str(tmp_path))
    log_relay.write_note(str(tmp_path), "The stop cuts off 1 task, seen running at 12:00:00Z.", os.getpid())
    then = time.time() - log_relay.FRESH_SECONDS - 1
    os.utime(tmp_path / "cut-off", (then, then))
    assert inbox.note() == "The stop may cut off 1 task, seen running at 12:00:00Z."


@pytest.mark.parametrize("command", [("sleep", "60"), ("sh", "-c", "sleep 60", "Octopus.Server", "run")])
def test_init_is_no_node(command: tuple[str, ...]) -> None:
    """`init`, as the parent of a server, isn't told anything: it would hand the signal on, which ends the server."""
    with subprocess.Popen([*OCTO_NODE, "init", "--", *command], cwd=ROOT) as init:
        wait_until(lambda: procfs.name_of(init.pid) == server_process.SUPERVISOR, what="init has its name")
        found = server_process.Process(1, 1, init.pid)
        assert server_process.supervisor(None, found) is None
        init.terminate()


def test_process_1_leaves_a_drain_its_grace() -> None:
    """A drain that watches its own end isn't killed before it."""
    assert stop.MARGIN_SECONDS > drain.GRACE_SECONDS
