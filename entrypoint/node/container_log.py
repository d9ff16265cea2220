"""Copies a drain's output to the container's log: kubelet drops the output of a hook."""

import os
import time
from collections.abc import Sequence

from entrypoint.base import log_relay as mailbox
from entrypoint.settings.base_settings import BaseSettings
from entrypoint.structured_log import Tee

from . import server_process
from .drain_messages import names, number
from .task_counters import Observation


AGAIN_SECONDS = 2.0  # between two notes that say the same, but for the time
_STDERR = 2


def relay(settings: BaseSettings) -> Tee | None:
    """Return what hands a line to process 1, None where stderr is the container's log already, or no node runs."""
    folder = server_process.find_folder(settings)
    found = server_process.find(settings.paths, folder)
    supervisor = server_process.supervisor(folder, found)
    if (found is None and supervisor is None) or (found is not None and _is_ours_too(found.pid)):
        return None

    def tee(line: bytes) -> str | None:
        if supervisor is None:
            return "This isn't in the container's log: octo-node's process 1 can't be found."
        try:
            mailbox.append(folder, line, supervisor)
        except OSError as error:
            return f"This isn't in the container's log: {folder or settings.run_dir}: {error.strerror}."
        return None

    return tee


def _is_ours_too(pid: int) -> bool:
    """Return whether a process has the same stderr as we."""
    try:
        theirs, ours = os.stat(f"/proc/{pid}/fd/{_STDERR}"), os.fstat(_STDERR)
    except OSError:
        return False
    return (theirs.st_dev, theirs.st_ino, theirs.st_rdev) == (ours.st_dev, ours.st_ino, ours.st_rdev)


class CutOffNote:
    """What process 1, whose pid is `supervisor`, is to say of the tasks that run when a stop comes.

    Kept up to date by the drain, in the run `folder` or the spare one.
    """

    def __init__(self, folder: str | None, supervisor: int | None) -> None:
        self._folder = folder
        self._supervisor = supervisor
        self._tasks: Sequence[object] | None = None
        self._seen = ""
        self._next = 0.0

    def write(self, look: Observation) -> None:
        """Leave what `look` saw; where it can't be written the log has to do."""
        if look.tasks is None:
            self.write_unknown(look.trouble)
        elif not look.tasks:
            self.remove()
        else:
            stamp = time.strftime("%H:%M:%SZ", time.gmtime())
            self._seen = f"{number(look.tasks)}, which the node's drain saw running at {stamp}: {names(look.tasks)}"
            self._leave(look.tasks, f"The stop cuts off {self._seen}.")

    def write_unknown(self, trouble: str) -> None:
        """Write that the running tasks are unknown, with those that were known last."""
        before = f"; before that, {self._seen}" if self._seen else ""
        self._leave(
            None, f"The stop cuts off whatever is running; the node's drain couldn't tell what: {trouble}{before}."
        )

    def _leave(self, tasks: Sequence[object] | None, sentence: str) -> None:
        now = time.monotonic()
        if self._supervisor is None or (tasks == self._tasks and now < self._next):
            return
        try:
            mailbox.write_note(self._folder, sentence, self._supervisor)
        except OSError:
            return
        self._tasks, self._next = tasks, now + AGAIN_SECONDS

    def remove(self) -> None:
        """Take it back: a stop cuts nothing off."""
        self._tasks, self._seen, self._next = None, "", 0.0
        if self._supervisor is not None:
            try:
                mailbox.remove_note(self._folder, self._supervisor)
            except OSError:
                pass
