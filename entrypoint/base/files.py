"""Reads small files that an operator named: regular files only, within a limit of bytes and of seconds."""

import os
import stat

from . import forked, resource_limits


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_BYTES = 1 << 20  # more is a mistake: no secret, certificate or setting is that long
SECONDS = 5.0  # for all files that are read together
ABSENT = "can't be read: No such file or directory"  # what is told of a file that isn't there
_CONTENT, _PROBLEM = b"c", b"p"
_KINDS = (
    (stat.S_ISDIR, "a directory (which a bind mount makes of a file that isn't on the host)"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (lambda _: True, "a device"),
)


def read(paths: "Iterable[str]", seconds: float | None = None) -> tuple[dict[str, bytes], dict[str, str]]:
    """Return the contents of the files `paths`, and what is wrong with the others, in words that fit after the path.

    It takes `seconds` at most; None: SECONDS, and more on a machine that is too busy.
    """
    wanted = list(paths)
    contents: dict[str, bytes] = {}
    problems: dict[str, str] = {}
    try:
        answers = forked.run(_read, wanted, SECONDS) if seconds is None else forked.run(_read, wanted, seconds, 0.0)
    except OSError as error:
        return {}, dict.fromkeys(wanted, f"can't be read: {resource_limits.reason(error)}")
    for path, answer in answers.items():
        if answer is None:
            problems[path] = f"gave no answer within {seconds or SECONDS:g} s (a file server that hangs?)"
        elif answer.startswith(_CONTENT):
            contents[path] = answer[1:]
        else:
            problems[path] = answer[1:].decode()
    return contents, problems


def _read(path: str) -> bytes:
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):
            kind = next(word for is_kind, word in _KINDS if is_kind(mode))
            return _PROBLEM + f"is {kind}, not a regular file".encode()
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(number, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        return _PROBLEM + f"can't be read: {resource_limits.reason(error)}".encode()
    if len(content) > MAX_BYTES:
        return _PROBLEM + f"is larger than {MAX_BYTES} bytes".encode()
    return _CONTENT + content
