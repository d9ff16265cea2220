"""The documents that are made from the code: `scripts/docs` writes them, and with --check compares them."""

import argparse
import difflib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import values
from standin.octopus import about, switches

from entrypoint import variables
from entrypoint.octopus import commandline
from entrypoint.prepare import plan
from entrypoint.variables import VARIABLES, Variable


DOCS = Path(__file__).resolve().parents[1] / "docs"
MADE = "<!-- Made by scripts/docs: change the code, not this file. -->"

ENVIRONMENT = f"""\
# Environment variables
{MADE}

All settings of octo-node are environment variables. They are read once, at the start, and everything that is wrong with
them is reported at once (exit code 11). `octo-node check` tells the same without starting anything.

- An **empty value** means not set.
- **From a file.** `NAME_FILE=/path` gives the value of any variable below from a file, as for the database images on
  Docker Hub; one newline at its end is dropped. `NAME` and `NAME_FILE` together are refused. (`SSL_CERTIFICATE_FILE` is
  a variable of its own.)
- **White space** inside a licence or a master key is ignored, because `base64` breaks lines. Other values may not have
  control characters in them.
- **Yes and no**: `Y`, `yes`, `true`, `1`, `on` and `N`, `no`, `false`, `0`, `off`, in any case.
- **Secrets** are masked wherever octo-node prints something, and no process that it leaves running has them in its
  environment, unless `OCTO_NODE_KEEP_ENV` names them.
- **Misspelt names.** A variable that is one letter off one of these, or that starts with `OCTO_NODE_` and isn't one of
  them, gets a warning that names the right one.
- Everything else, proxies and `OCTOPUS__*` included, is passed on untouched.
"""
OFFICIAL = """
## Of the official image

Names and meaning are the official image's. Which command of Octopus.Server gets which: [commands.md](commands.md).

"""
OURS = """
## Of octo-node

"""
COMMANDS = f"""\
# The commands of Octopus.Server that a start runs
{MADE}

A command gets all its options in one call; one without any isn't run. `octo-node check --commands` prints what a start
would run now, without secrets.

| command | seconds it may take | option | value from |
|---|---|---|---|
"""
WHEN = """
## When each is run

| | new database | new container, the database is configured | same container |
|---|---|---|---|
| `create-instance` | yes | yes | if its options changed |
| `database` | `--create` | to register it; `--upgrade` if the schema is older than this server | if connection \
string, master key or the server's version changed |
| `configure` | yes | yes | if its options changed |
| `path` | yes | no: the database has it | if its options changed |
| `admin` | if there is an administrator to make | if the database has no such user | if its options changed |
| `license` | if it is given | if it is given; before an `--upgrade` | if it changed |
| `node` | if `TASK_CAP` is given | if `TASK_CAP` is given | if it changed |

They are run in this order, and those that write to the database under a lock that the nodes share. A schema that is
older than the server is only upgraded once no other node runs on it. `OCTO_NODE_APPLY=all` runs all of them at every
start. What was run is remembered beside the instance's configuration, as a digest, and believed only for the very
database it was run on.

There is an administrator to make if `ADMIN_PASSWORD` or `ADMIN_API_KEY` is set. If neither is, and no
`ADMIN_EXTERNAL_ID` or `ADMIN_OIDCIDENTITY_*` either, a new database gets the official image's well-known default
administrator, with a warning.

Then `Octopus.Server run --instance=OctopusServer --noninteractive` is started, with `--service-mode` if `SERVICE_MODE`
is set. `drain` and `undrain` run `node --instance=OctopusServer --drain=true` and `--drain=false`.

## Variables without an option

No option of Octopus.Server is known for these, and none is invented: they stay in the environment of its commands and
of the server, which may read them there.

"""
KEPT_BACK = """
Those marked *secret* are taken out of that environment, as all secrets are: if your server reads one there, name it in
`OCTO_NODE_KEEP_ENV`.
"""
VALUES = f"""\
# The chart's values
{MADE}

What they are for is told in [kubernetes.md](kubernetes.md). `values.schema.json` says what each may be; Helm refuses
all else, and names that aren't here.

| value | default | |
|---|---|---|
"""
SWITCHES = f"""\
# What isn't published of Octopus.Server
{MADE}

Octopus.Server isn't open source, and octo-node was written beside a stand-in for it (`tests/standin/octopus`). What differs
between the server's ages, or isn't published, is a switch of the stand-in, and octo-node holds either way: the tests run
over a table of rows in which each two values of any two switches meet. [soak.md](soak.md) says how to run it.

The ages are {", ".join(about.AGES)}. A default with two values differs between them.

| switch | values | default | what it is | source |
|---|---|---|---|---|
"""
WITHOUT_OPTION = (
    "OCTOPUS_SERVER_URI",
    *variables.OIDC,
    "ENABLE_USAGE",
    "ENABLE_INSECURE_GRPC_LISTENER",
    "SSL_CERTIFICATE_FILE",
    "SSL_CERTIFICATE_PASSWORD",
)


def documents() -> dict[str, str]:
    """Return the text of each document, by its file's name."""
    made = {
        "environment.md": _environment(),
        "commands.md": _commands(),
        "values.md": _values(),
        "switches.md": _switches(),
    }
    return {name: "".join(text) for name, text in made.items()}


def _environment() -> Iterator[str]:
    yield ENVIRONMENT
    for text, is_ours in ((OFFICIAL, False), (OURS, True)):
        yield f"{text}| name | default | secret? | |\n|---|---|---|---|\n"
        yield from (_row(variable) for variable in VARIABLES if variable.ours == is_ours)


def _row(variable: Variable) -> str:
    default = f"`{variable.default}`" if variable.default else ""
    choice = " or ".join(f"`{word}`" for word in variable.kind.split("|")) + ". " if "|" in variable.kind else ""
    return f"| `{variable.name}` | {default} | {'yes' if variable.secret else ''} | {choice}{variable.sentence} |\n"


def _commands() -> Iterator[str]:
    yield COMMANDS
    for verb in plan.VERBS:
        options = [option for option in commandline.OPTIONS if option.verb == verb]
        for number, option in enumerate(options):
            start = f"`{verb}` | {commandline.SECONDS[verb]:g}" if number == 0 else " | "
            yield f"| {start} | `{option.name}` | {option.source} |\n"
    yield WHEN
    for name in WITHOUT_OPTION:
        yield f"- `{name}`{' (*secret*)' if name in variables.SECRETS else ''}\n"
    yield KEPT_BACK


def _values() -> Iterator[str]:
    yield VALUES
    yield from (value.row for value in values.values())


def _switches() -> Iterator[str]:
    yield SWITCHES
    for switch in switches.BY_NAME.values():
        tried = ", ".join(f"`{_word(value)}`" for value in switch.values)
        yield f"| `{switch.name}` | {tried} | {_default(switch)} | {switch.summary} | {switch.source} |\n"


def _default(switch: switches.Switch) -> str:
    """Return a switch's value for the oldest, and those from a later version on."""
    later = "".join(f"; `{_word(value)}` since {since}" for since, value in switch.changes[1:])
    return f"`{_word(switch.changes[0][1])}`{later}"


def _word(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def named_in_options() -> set[str]:
    """Return the variables that an option's source names."""
    return {name for option in commandline.OPTIONS for name in re.findall(r"`(\w+)`", option.source)}


def main() -> int:
    """Write the documents, or with --check print how they differ; return 1 if they do."""
    parser = argparse.ArgumentParser("scripts/docs", description="Make the documents that are made from the code.")
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 if one isn't up to date")
    only_check = parser.parse_args().check
    code = 0
    for name, text in documents().items():
        path = DOCS / name
        if not only_check:
            path.write_text(text)
            continue
        found = path.read_text() if path.exists() else ""
        difference = list(difflib.unified_diff(found.splitlines(), text.splitlines(), f"docs/{name}", "the code"))
        print(*difference, sep="\n", end="\n" if difference else "")
        if difference:
            print(f"docs/{name} isn't up to date: run scripts/docs.", file=sys.stderr)
            code = 1
    return code


if __name__ == "__main__":
    sys.exit(main())
