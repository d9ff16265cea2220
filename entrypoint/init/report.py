"""What process 1 tells: log lines, its state file, and the reason of an end that nobody else can tell."""

import os
import select
import time

from entrypoint import log, mask, statefile, termination, variables
from entrypoint.phases import Phase, Wanted

from . import signals


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_TAIL = 2048  # bytes of the server's log that go into the termination message
_STDERR = 2


class Report:
    """The voice of process 1. It never blocks, and what can't be said is counted.

    `environ` is the public environment, `secrets` are the values to mask.
    """

    def __init__(self, environ: "Mapping[str, str]", secrets: "Collection[str]") -> None:
        self._environ = environ
        self._secrets = secrets
        self._style = variables.value_or_default("OCTO_NODE_LOG_FORMAT", environ)
        self._folder = statefile.make_folder(environ)
        self._dropped = 0
        self._state: dict[str, object] = {"booted": time.monotonic(), "phases": {}}
        termination.write(environ, "")

    def say(self, level: str, event: str, **fields: object) -> None:
        """Write one log line, or count it as dropped if stderr is full."""
        if self._dropped:
            fields = fields | {"dropped": self._dropped}
        line = log.line(self._style, "run", level, mask.mask(event, self._secrets), fields)
        poll = select.poll()
        poll.register(_STDERR, select.POLLOUT)
        try:
            if not poll.poll(0):
                raise BlockingIOError
            os.write(_STDERR, line)
            self._dropped = 0
        except OSError:
            self._dropped += 1

    def state(self, phase: Phase, wanted: Wanted, **fields: object) -> None:
        """Publish where the node is; `fields` stay until they are given anew."""
        phases = self._state["phases"]
        if isinstance(phases, dict):
            phases.setdefault(phase.value, time.monotonic())
        self._state |= {"phase": phase.value, "wanted": wanted.value, "dropped": self._dropped} | fields
        if self._folder is None:
            return
        try:
            statefile.write(self._folder, statefile.NODE, self._state)
        except OSError as error:
            self.say("warning", f"The state file can't be written: {error.strerror}.", folder=self._folder)

    def folder_problem(self) -> str | None:
        """Return a sentence if there is no folder for the state files."""
        if self._folder is not None:
            return None
        wanted = variables.value_or_default("OCTO_NODE_RUN_DIR", self._environ)
        return (
            f"Neither {wanted} nor a folder in /tmp can be written, so probes, drain and status can't tell where "
            "this node is: mount a tmpfs on one of them, or set OCTO_NODE_RUN_DIR."
        )

    def fail(self, sentence: str) -> None:
        """Tell why the node can't go on, in the log and as the container's termination message."""
        self.say("error", sentence)
        termination.write(self._environ, mask.mask(sentence, self._secrets))

    def end_of_helper(self, role: str, number: int, why: str) -> None:
        """Tell that signal `number` ended the helper process `role`, as it can't tell so itself, and `why`."""
        self.fail(f"{role} was ended by signal {signals.name(number)}.{why}")

    def end_of_server(self, code: int, log_file: str, why: str) -> None:
        """Tell that Octopus.Server ended by itself, and `why`, with the end of its log if that can be read."""
        level = "warning" if code == 0 else "error"
        sentence = f"Octopus.Server ended by itself with exit code {code}; nobody asked it to.{why}"
        self.say(level, sentence, log=log_file)
        tail = mask.mask(_tail(log_file), self._secrets)
        termination.write(self._environ, f"{sentence}\n{tail}" if tail else sentence)


def _tail(path: str) -> str:
    """Return the whole lines among the last bytes of a file; nothing if it can't be read."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(number, "rb") as file:
            begin = max(os.fstat(number).st_size - _TAIL, 0)
            file.seek(begin)
            text = file.read(_TAIL)
    except OSError:
        return ""
    # a line that was cut may begin in the middle of a character, or of a secret
    return (text.partition(b"\n")[2] if begin else text).decode("utf-8", "replace")
