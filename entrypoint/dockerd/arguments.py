"""Parses OCTO_NODE_DOCKERD_ARGS, and finds the options in it that octo-node depends on."""

import itertools
import re
import shlex


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_LOCAL = ("unix://", "fd://")
_TRUE = {"", "1", "t", "T", "true", "True", "TRUE"}  # as dockerd reads the value of a flag; without one it is set


def parse(text: str) -> list[str]:
    """Return the arguments in `text`. Raise ValueError, with words to follow the variable's name."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ValueError(f"can't be read as a command line ({error}): close the quote, or escape it.") from error
    remote = [host for host in values(words, "host", "H") if not host.startswith(_LOCAL)]
    if remote and not _is_set(words, "tlsverify"):
        raise ValueError(
            f"has dockerd listen on {remote[0]} without asking for certificates, and whoever reaches that is root on "
            "this node: leave that host out, or add --tlsverify with --tlscacert, --tlscert and --tlskey."
        )
    for folder in values(words, "data-root"):
        if not folder.startswith("/"):
            raise ValueError(f"gives dockerd the data root '{folder}': give a folder's path from / on.")
    return words


def values(words: "Sequence[str]", name: str, letter: str = "") -> list[str]:
    """Return what option --name, or -letter, is given in `words`, in order; an empty text where nothing is."""
    # before the letter of an option there may be those of flags: -D (debug) and -v
    form = re.compile(rf"--{name}(?:=(?P<long>.*))?" + (rf"|-[Dv]*{letter}=?(?P<short>.*)" if letter else ""))
    found = []
    for word, following in itertools.zip_longest(words, words[1:], fillvalue=""):
        if match := form.fullmatch(word):
            parts = match.groupdict()
            found.append(parts["long"] or parts.get("short") or following)
    return found


def _is_set(words: "Sequence[str]", flag: str) -> bool:
    given = [word.partition("=")[2] for word in words if word.partition("=")[0] == f"--{flag}"]
    return bool(given) and given[-1] in _TRUE
