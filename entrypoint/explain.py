"""`octo-node explain`: what an exit code, a variable, a verb or a symptom means, from the documents."""

import difflib
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console

from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode
from entrypoint.octopus import commandline
from entrypoint.settings import variables
from entrypoint.settings.variables import Variable

from . import usage


_HERE = Path(__file__).resolve().parent
# in the image and in a wheel they are beside the code, in the repository one folder above
DOCUMENTS = next(
    folder for folder in (_HERE / "docs", _HERE.parent / "docs") if folder.is_dir() or folder.parent != _HERE
)
CODES, SYMPTOMS = "troubleshooting", "symptoms"
MOST = 12  # symptoms that are shown
KINDS = {
    "apikey": "an API key, API-...",
    "connection": "an ADO.NET connection string",
    "count": "a whole number, 0 or more",
    "dockerd": "arguments, quoted as in a shell",
    "flag": "yes or no (Y, true, 1, on; N, false, 0, off)",
    "listen": "an address and a port, such as 0.0.0.0:9404",
    "key": "base64 of 16 or 32 bytes",
    "licence": "base64 of XML",
    "options": "`command --option=value; command ...`",
    "path": "a path that begins with /",
    "port": "a port, 1 to 65535",
    "seconds": "a number of seconds",
    "secrets": "names of secret variables, separated by commas",
    "text": "text",
    "verbs": "names of configure commands, separated by commas",
}


def explain(words: Sequence[str]) -> ExitCode:
    """Print what `words` stand for; without any, what there is to be explained. Raise NodeError (2) for the rest."""
    subject = " ".join(words).strip()
    found = _of(subject) if subject else _index()
    if found is None:
        nearest = difflib.get_close_matches(subject, subject_names(), n=1, cutoff=0.5)
        hint = (
            f"Did you mean `octo-node explain {nearest[0]}`?" if nearest else "`octo-node explain` lists what there is."
        )
        raise NodeError(ExitCode.USAGE, f"Nothing is known of {subject!r}. {hint}")
    _show(found)
    return ExitCode.DONE


def _show(text: str) -> None:
    """Print a document as it is written; on a terminal its headings stand out."""
    console = Console(highlight=False, emoji=False, markup=False)
    if not console.is_terminal:
        sys.stdout.write(text.rstrip() + "\n")
        return
    for line in text.rstrip().splitlines():
        console.print(line, style="bold" if line.startswith("#") else None, soft_wrap=True)


def subject_names() -> list[str]:
    """Return what can be explained by its name."""
    codes = [f"{code:d}" for code in ExitCode]
    return [*codes, *usage.BY_NAME, *variables.BY_NAME, *documents()]


def documents() -> list[str]:
    """Return the names of the documents."""
    return sorted(path.stem for path in DOCUMENTS.glob("*.md"))


def _of(subject: str) -> str | None:
    if subject.isdecimal() and len(subject) < 6:
        return _code(int(subject))
    variable = variables.BY_NAME.get(subject.upper().removesuffix("_FILE")) or variables.BY_NAME.get(subject.upper())
    if variable is not None:
        return _variable(variable)
    if subject in usage.BY_NAME:
        return f"# octo-node {subject}\n\n```\n{usage.of_verb(subject)}```\n"
    name = subject.removeprefix("docs/").removesuffix(".md")
    if name in documents():
        return _text(name)
    return _symptoms(subject)


def _text(name: str) -> str:
    try:
        return (DOCUMENTS / f"{name}.md").read_text(encoding="utf-8")
    except OSError as error:
        raise NodeError(ExitCode.FAULT, f"The document {name} isn't in {DOCUMENTS}: {error.strerror}.") from error


def sections(text: str) -> dict[str, str]:
    """Return the sections of a document by what their headings begin with, up to a colon."""
    parts = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    return {part[3:].partition("\n")[0].partition(":")[0].strip(): part for part in parts if part.startswith("## ")}


def _code(code: int) -> str:
    """Return what exit code `code` means: its section, or whose it is."""
    known = sections(_text(CODES))
    if str(code) in known:
        return known[str(code)]
    if 128 < code < 128 + 65:
        return f"## {code}: signal {code - 128} ended it\n\n{known[f'{ExitCode.INTERRUPTED:d}']}"
    return (
        f"## {code}: Octopus.Server's own\n\nocto-node has no exit code {code}. That of Octopus.Server is handed on: "
        "the container's log says `Octopus.Server ended by itself with exit code ...`, and its own log, "
        "Logs/OctopusServer.txt, says why.\n"
    )


def _variable(variable: Variable) -> str:
    options = [f"{o.verb} {o.name}" for o in commandline.OPTIONS if f"`{variable.name}`" in o.source]
    rows = {
        "default": f"`{variable.default}`" if variable.default else "not set",
        "takes": KINDS.get(variable.kind) or " or ".join(f"`{word}`" for word in variable.kind.split("|")),
        "secret": "yes: it is masked, and no process that stays gets it" if variable.secret else "no",
        "from a file": f"`{variable.name}_FILE=/path`",
        "of": "octo-node" if variable.ours else "the official image",
        "command": ", ".join(f"`{option}`" for option in options) or "none of Octopus.Server's gets it as an option",
    }
    listed = "\n".join(f"- {name}: {value}" for name, value in rows.items())
    return f"## {variable.name}\n\n{variable.sentence}\n\n{listed}\n"


def _symptoms(subject: str) -> str | None:
    """Return the rows of the index by symptom in which all words of `subject` are; None if there are none."""
    words = subject.lower().split()
    found = [row for row in _rows(_text(SYMPTOMS)) if all(word in " ".join(row).lower() for word in words)]
    return "\n".join(f"## {sees}\n\n{means}\n\n**Next:** {do}\n" for sees, means, do in found[:MOST]) or None


def _rows(text: str) -> Iterator[tuple[str, str, str]]:
    for line in text.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 3 and not set(cells[0]) <= {"-", " "}:
            yield cells[0], cells[1], cells[2]


def _index() -> str:
    codes = [f"- {heading.lstrip('# ')}" for heading in re.findall(r"^## \d+: .*", _text(CODES), re.MULTILINE)]
    lists = {
        "Exit codes": codes,
        "Variables": [f"- {variable.name}" for variable in variables.VARIABLES],
        "Verbs": [f"- {verb.name}" for verb in usage.VERBS],
        "Documents": [f"- {name}" for name in documents()],
    }
    listed = "\n\n".join(f"## {title}\n\n" + "\n".join(lines) for title, lines in lists.items())
    return f"# octo-node explain CODE|VARIABLE|VERB|DOCUMENT|WORDS OF A SYMPTOM\n\n{listed}\n"
