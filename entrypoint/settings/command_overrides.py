"""The operator's changes to the configure commands: OCTO_NODE_SKIP_COMMANDS and OCTO_NODE_EXTRA_OPTIONS."""

import re
import shlex
from collections.abc import Iterator


# the configure commands, in the order in which they are run
VERBS = ("create-instance", "database", "configure", "path", "admin", "license", "node")
Options = dict[str, tuple[str, ...]]  # arguments by verb
_FORM = re.compile(r"--[A-Za-z][A-Za-z0-9-]*(=.*)?", re.DOTALL)
# arguments can be seen by everybody on the node, and these values can be read in the container's specification
_SECRET = re.compile("password|secret|key|token|connectionstring|licen[cs]e(base64|file)", re.IGNORECASE)
# which instance it is, whether the command does anything at all, and what drain and undrain are for
_OURS = {"--instance", "--config", "--help", "--console", "--noninteractive"}
_OURS_BY_VERB = {
    "database": {"--delete"},
    "node": {"--drain", "--wait", "--cancel-tasks", "--cancel-wait"},
}


def verbs(text: str) -> tuple[str, ...]:
    """Return the commands that `text` names. Raise ValueError, with words to follow the variable's name."""
    found = tuple(text.replace(",", " ").lower().split())
    unknown = [word for word in found if word not in VERBS]
    if unknown:
        raise ValueError(f"names {', '.join(unknown)}, but the commands are: {', '.join(VERBS)}.")
    return found


def options(text: str) -> Options:
    """Return the arguments that `text` gives each command, such as `configure --hstsEnabled=True; path --imports=/i`.

    Raise ValueError, with words to follow the variable's name and no value in them.
    """
    found: Options = {}
    for verb, *words in _parts(text):
        if verb not in VERBS:
            raise ValueError(f"begins a part with '{verb}': begin each with one of {', '.join(VERBS)}.")
        if verb in found or not words:
            raise ValueError(f"must name {verb} once, with its options after it, such as `{verb} --option=value`.")
        for word in words:
            _check(verb, word)
        names = [word.partition("=")[0].lower() for word in words]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"gives {verb} {', '.join(twice)} twice: keep one of them.")
        found[verb] = tuple(words)
    return found


def _parts(text: str) -> Iterator[list[str]]:
    """Yield the words of each part between semicolons, quoted as in a shell."""
    reader = shlex.shlex(text, posix=True, punctuation_chars=";")
    reader.whitespace_split = True
    reader.commenters = ""
    part: list[str] = []
    try:
        for word in reader:
            if word.strip(";"):
                part.append(word)
            elif part:
                yield part
                part = []
    except ValueError as error:
        raise ValueError(f"can't be read as a command line ({error}): close the quote, or escape it.") from error
    if part:
        yield part


def _check(verb: str, word: str) -> None:
    name = word.partition("=")[0]
    if not _FORM.fullmatch(word):
        raise ValueError(f"must give {verb} options of the form --name=value, and one of them isn't.")
    if _SECRET.search(name):
        raise ValueError(f"gives {verb} {name}, but a secret can't be given there: it would be shown.")
    if name.lower() in _OURS | _OURS_BY_VERB.get(verb, set()):
        raise ValueError(f"gives {verb} {name}, which octo-node sets itself: leave it out.")
