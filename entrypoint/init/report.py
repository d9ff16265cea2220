"""What process 1 reports: log lines, its state file, and the termination message where nobody else can write it."""

import os
import select
import time

from entrypoint.base import end_reason, kept_log, log_line, log_relay, redact, statefile, trusted_file
from entrypoint.base.phases import Phase, Wanted
from entrypoint.settings import secrets_memfd


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from entrypoint.settings.base_settings import BaseSettings

_TAIL = 2048  # bytes of the server's log that go into the termination message
_LOOK = 16384  # bytes of it that are searched: a .NET stack is longer than what is told
_FRAMES = 5  # lines of a stack trace that are told
# OctopusDeploy issue 7790; `octopus/server_refusals.py` says the same of a command
_OTHER_SCHEMA = b"nexpected upgrade history"
_HINT = (
    " It refuses the database, because a version that this one doesn't follow has changed its schema: start that "
    "version or a later one, or restore a backup made before it ran."
)
_STDERR = 2


class _Log:
    """Standard error, which is never waited for, and the run `folder`, which keeps the last lines.

    `dropped` counts the lines since one could be written to stderr.
    """

    def __init__(self, folder: str | None) -> None:
        self.dropped = 0
        self._folder = folder

    def write(self, line: bytes) -> None:
        """Write one line, or count it as dropped if stderr is full."""
        kept_log.append(self._folder, line)
        poll = select.poll()
        poll.register(_STDERR, select.POLLOUT)
        try:
            if not poll.poll(0):
                raise BlockingIOError
            os.write(_STDERR, line)
            self.dropped = 0
        except OSError:
            self.dropped += 1


class _StateFile:
    """The state file in the run `folder`, which is made again if it is gone: scripts clean /tmp."""

    def __init__(self, folder: str | None) -> None:
        self._folder = folder
        self._told = ""
        self._was_there = False

    @property
    def is_gone(self) -> bool:
        """Whether it was there."""
        return self._was_there and not os.path.lexists(statefile.path(str(self._folder), statefile.NODE))

    def write(self, state: "Mapping[str, object]", say: "Callable[..., None]") -> None:
        """Write `state`, and `say` what is to be said of that and wasn't said the last time."""
        if self._folder is None:
            return
        said = "The run folder was deleted, or emptied, and is made again." if self.is_gone else ""
        try:
            if said:
                statefile.make_private(self._folder)
            statefile.write(self._folder, statefile.NODE, state)
            self._was_there = True
        except OSError as error:
            said = f"The state file can't be written: {error.strerror}."
        if said and said != self._told:
            say("warning", said, folder=self._folder)
        self._told = said


class Report:
    """The voice of process 1. It never blocks, and what can't be said is counted.

    `secrets` are the values to mask, besides those that prepare learns and tells by the descriptor `learnt`.
    """

    def __init__(self, settings: "BaseSettings", secrets: "Collection[str]", learnt: int | None) -> None:
        self._settings = settings
        self._secrets = secrets
        self._learnt = learnt
        self._folder = statefile.make_folder(settings.run_dir)
        self._inbox = log_relay.Inbox(self._folder)
        self._log = _Log(self._folder)
        self._file = _StateFile(self._folder)
        self._state: dict[str, object] = {"booted": time.monotonic(), "phases": {}}
        self._end("")

    def say(self, level: str, event: str, **fields: object) -> None:
        """Write one log line, or count it as dropped if stderr is full."""
        if self._log.dropped:
            fields = fields | {"dropped": self._log.dropped}
        self._log.write(log_line.line(self._settings.log_format, "run", level, self._masked(event), fields))

    def relay(self) -> None:
        """Print the lines that other processes of octo-node left for the container's log.

        They also ask so for the run folder, if that is gone.
        """
        if self._file.is_gone:
            self._file.write(self._state, self.say)
        for line in self._inbox.lines():
            text = self._masked(line.decode("utf-8", "replace"))
            encoded = text.encode("utf-8", "backslashreplace")[: log_line.MAX_LINE - 1]
            self._log.write(encoded.removesuffix(b"\n") + b"\n")

    def _masked(self, text: str) -> str:
        return redact.mask(text, [*self._secrets, *redact.forms(secrets_memfd.learnt_secrets(self._learnt))])

    def state(self, phase: Phase, wanted: Wanted, **fields: object) -> None:
        """Publish where the node is; `fields` stay until they are given anew."""
        phases = self._state["phases"]
        if isinstance(phases, dict):
            phases.setdefault(phase.value, time.monotonic())
        # `clock` makes times of day of the monotonic ones
        said = {"phase": phase.value, "wanted": wanted.value, "clock": time.time() - time.monotonic()}
        self._state |= said | {"dropped": self._log.dropped} | fields
        self._file.write(self._state, self.say)

    def folder_problem(self) -> str | None:
        """Return a sentence if there is no folder for the state files, or not the one that was asked for."""
        wanted = self._settings.run_dir
        if self._folder is None:
            return (
                f"Neither {wanted} nor a folder in /tmp can be created, written and kept private, so probes, drain "
                "and status can't tell where this node is: mount a tmpfs on /tmp, or set OCTO_NODE_RUN_DIR."
            )
        if statefile.is_refused(wanted):
            return (
                f"Other users could write to {wanted}, or own it, so the state files are in {self._folder}: set "
                "OCTO_NODE_RUN_DIR to a folder below it, which octo-node makes for itself, or take their write "
                "permission away."
            )
        return None

    def fail(self, sentence: str) -> None:
        """Tell why the node can't go on, in the log and as the container's termination message."""
        self.say("error", sentence)
        self._end(self._masked(sentence))

    def cut_off(self, drained: int | None, why: str = "", running: "Collection[str]" = ()) -> None:
        """Tell which tasks the stop cuts off; `drained` is the code that its own drain ended with, if any.

        `why` is what the drain couldn't tell itself, `running` what runs below the server, if nobody told of tasks.
        """
        note = self._inbox.note()
        if not note and not why and drained:
            below = f": {', '.join(running)}" if running else ""
            note = f"The drain ended with exit code {drained}: the stop cuts off whatever still runs{below}."
        if not note and not why and running:
            note = f"The stop may cut off tasks: Octopus.Server still runs {', '.join(running)}."
        sentence = f"{why} {note}".strip()
        if sentence:
            self.say("error" if why or " may cut off " not in note else "warning", sentence)
            self._end(self._masked(sentence))

    def end_of_server(self, code: int, log_file: str, why: str) -> None:
        """Tell that Octopus.Server ended by itself, and `why`, with the end of its log if that can be read."""
        level = "warning" if code == 0 else "error"
        text, is_refused = tail(log_file)
        hint = _HINT if is_refused and code != 0 else why
        sentence = f"Octopus.Server ended by itself with exit code {code}; nobody asked it to.{hint}"
        self.say(level, sentence, log=log_file)
        said = self._masked(text)
        self._end(f"{sentence}\n{said}" if said else sentence)

    def _end(self, text: str) -> None:
        end_reason.tell(self._folder, self._settings.termination_log, text)


def tail(path: str) -> "tuple[str, bool]":
    """Return the last lines of the server's log, and whether its end tells of a refused schema.

    Of a stack trace the first frames are enough, so that what happened is there. Nothing if it can't be read, or isn't
    the server's.
    """
    try:
        with open(trusted_file.open_plain(path), "rb") as file:
            begin = max(os.fstat(file.fileno()).st_size - _LOOK, 0)
            file.seek(begin)
            text = file.read(_LOOK)
    except OSError:
        return "", False
    # a line that was cut may begin in the middle of a character, or of a secret
    whole = text.partition(b"\n")[2] if begin else text
    end = _without_frames(whole)
    if len(end) > _TAIL:
        end = end[-_TAIL:].partition(b"\n")[2]
    return end.decode("utf-8", "replace"), _OTHER_SCHEMA in text


def _without_frames(text: bytes) -> bytes:
    """Return `text` with no more than _FRAMES lines of each stack trace of .NET's."""
    lines, count = [], 0
    for line in text.split(b"\n"):
        count = count + 1 if line.startswith(b"   at ") else 0
        if count <= _FRAMES:
            lines.append(line)
    return b"\n".join(lines)
