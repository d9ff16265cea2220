"""Work in child processes: one that hangs is given up in its time, one that only waits for a CPU isn't."""

import os
import time
from pathlib import Path

import pytest
from processes import wait_until

from entrypoint.base import forked


SECONDS = 0.1
WORKED = 2 * SECONDS  # of CPU: the deadline passes meanwhile, however fast the machine is


def test_a_child_that_computes_is_waited_for(tmp_path: Path) -> None:
    """A child that is runnable when its time is over, as all are on a machine that is too busy, gives its answer."""

    def work(subject: str) -> bytes:
        while time.process_time() < WORKED:
            pass
        return subject.encode()

    assert forked.run(work, [str(tmp_path)], SECONDS) == {str(tmp_path): str(tmp_path).encode()}


def test_a_child_that_hangs_is_given_up(tmp_path: Path) -> None:
    """A child that waits for a file that never answers gives none; the others do."""
    fifo, plain = tmp_path / "fifo", tmp_path / "plain"
    os.mkfifo(fifo)
    plain.write_text("there")

    def work(subject: str) -> bytes:
        return Path(subject).read_bytes()

    assert forked.run(work, [str(fifo), str(plain)], SECONDS) == {str(fifo): None, str(plain): b"there"}


def test_who_hung_is_asked_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once a killed process that didn't end at once is gone, its subject is asked in every round that follows."""
    monkeypatch.setattr(forked, "_KILLED_SECONDS", 0)  # nobody ends in no time
    fifo = tmp_path / "subject"
    os.mkfifo(fifo)
    collector = forked.Collector()

    def work(subject: str) -> list[bytes]:
        return [Path(subject).read_bytes()]

    def collected() -> tuple[bytes, bool]:
        return collector.collect(work, [str(fifo)], 60 if fifo.is_file() else SECONDS)[str(fifo)]

    assert collected() == (b"", False)
    fifo.unlink()
    fifo.write_text("there")
    for _ in range(3):
        wait_until(lambda: collected() == (b"there", True))
