"""The documents that are made from the code: `scripts/docs` writes them, and with --check compares them."""

import argparse
import difflib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import limits
import pairwise
import seccomp
import status_schema
import values
from standin.octopus import about, switches

from entrypoint.octopus import commandline
from entrypoint.settings import command_overrides, variables
from entrypoint.settings.variables import VARIABLES, Variable


DOCS = Path(__file__).resolve().parents[1] / "docs"
MADE = "<!-- Made by scripts/docs: change the code, not this file. -->"

ENVIRONMENT = f"""\
# Environment variables
{MADE}

All settings of octo-node are environment variables. They are read once, at the start, and all problems with them are
reported at once (exit code 11). `octo-node check` reports the same without starting anything.

- An **empty value** means not set.
- **From a file.** `NAME_FILE=/path` reads the value of any variable below from a file, as with the database images on
  Docker Hub; one newline at its end is dropped. `NAME` and `NAME_FILE` together are refused, and so is a file that is
  empty, isn't a regular one, or gives no answer within 5 seconds. Each process of octo-node reads it once.
  (`SSL_CERTIFICATE_FILE` is a variable of its own.)
- **White space** inside a licence or a master key is ignored, because `base64` breaks lines. Other values must not
  contain control characters, nor begin or end with an invisible character: a byte order mark, a zero-width or a
  no-break space, the carriage return of a Windows line ending.
- **Quotes** around a value are refused, because Compose lists (`- NAME="value"`) and `--env-file` keep them as a part
  of it. A password may have them, with a warning. `OCTO_NODE_DOCKERD_ARGS` is quoted as in a shell.
- **Yes and no**: `Y`, `yes`, `true`, `1`, `on` and `N`, `no`, `false`, `0`, `off`, in any case.
- **Secrets** are masked in everything that octo-node prints, and no process that it leaves running has them in its
  environment, unless `OCTO_NODE_KEEP_ENV` names them.
- **Unknown names.** A variable that is one letter off one of these, that starts with `OCTO_NODE_` and isn't
  one of them, or that the Windows image or `octopusdeploy/linuxoctopus` had (`sqlDbConnectionString`, `CONNSTRING`),
  gets a warning that names the right one.
- `SSL_CERT_FILE` and `SSL_CERT_DIR`, of OpenSSL and .NET, name the issuers of certificates that Octopus.Server and
  octo-node trust: [image.md](image.md#certificates).
- Everything else, proxies and `OCTOPUS__*` included, is passed on untouched.
"""
LIMITS = f"""\
# Limits on what is read
{MADE}

Whatever octo-node reads has a limit of size, and where somebody else may be slow to give it, of time. A file or an
answer that has more harms nothing but itself: the last column says what becomes of it. Each limit is a constant of the
code, by the name in brackets; a test asks each reader for more than that, and another one finds readers that aren't
here.

Files of the kernel's, and those that only octo-node itself can write, have the size that these give them. How long
commands may take stands in [commands.md](commands.md), and how long each wait may in [environment.md](environment.md).

| what is read | limit | more than that |
|---|---|---|
"""
OFFICIAL = """
## Of the official image

Names and meanings are the official image's. [commands.md](commands.md) shows which command of Octopus.Server gets
which.

"""
OURS = """
## Of octo-node

"""
COMMANDS = f"""\
# The commands of Octopus.Server that a start runs
{MADE}

A command gets all its options in one call; a command without options isn't run. `octo-node check --commands`
prints what a start would run now, without secrets.

The oldest supported version of Octopus.Server is **{commandline.OLDEST}**. An option that the server is too old for, or
that it no longer has, is left out. One that it nevertheless calls unrecognized is left out, with a warning, and
recorded for this version, unless the node *needs* it.

| command | seconds it may take | option | value from | known to | |
|---|---|---|---|---|---|
"""
WHEN = """
## When each is run

| | new database | new container, the database is configured | same container |
|---|---|---|---|
| `create-instance` | yes | yes | if its options changed |
| `database` | `--create` | to register it; `--upgrade` if the schema is older than this server | if connection \
string, master key or the server's version changed |
| `configure` | yes; `--usernamePasswordIsEnabled` only here | yes | if its options changed |
| `path` | yes | yes: the cache's folder is the node's own setting | if its options changed |
| `admin` | if an administrator is to be created | if the database has no such user | if its options changed |
| `license` | if it is given | if it is given; before an `--upgrade` | if it changed |
| `node` | if `TASK_CAP` is given | if `TASK_CAP` is given | if it changed |

They run in this order; on a database that is configured already, `admin` comes last. The schema is created or upgraded,
and `admin` is run, by one node at a time, which holds a lock in the database. Many nodes may run `configure`, `path`,
`license` and `node` at once, but not meanwhile: these hold the same lock in shared mode. A schema that is older than
the server is only upgraded once no other node runs on it. `OCTO_NODE_APPLY=all` runs all of them at every start. What
has been applied is recorded beside the instance's configuration, as a digest, and is valid only for the database that
it was applied to.

A new database is one without a schema, or whose schema has no users yet.

An administrator is created if `ADMIN_PASSWORD` or `ADMIN_API_KEY` is set. If neither is, and no
`ADMIN_EXTERNAL_ID` or `ADMIN_OIDCIDENTITY_*` either, a new database gets the official image's well-known default
administrator, with a warning.

Then `Octopus.Server run --instance=OctopusServer --noninteractive` is started, with `--service-mode` if `SERVICE_MODE`
is set. `drain` and `undrain` run `node --instance=OctopusServer --drain=true` and `--drain=false`.

## If this table doesn't fit your server

`OCTO_NODE_SKIP_COMMANDS=license,path` leaves commands out, with a warning at each start. `database` can't be left out
while the schema has to be created or upgraded.

`OCTO_NODE_EXTRA_OPTIONS=configure --hstsEnabled=True; path --imports=/imports` adds options to commands, and makes
`admin`, `license` and `node` run that had none. Parts are separated by semicolons, options by blanks, each of the form
`--name=value` or `--name`; values with blanks or semicolons are quoted as in a shell. Options that octo-node sets
itself and those that take a secret are refused (11); one that the server doesn't know ends the start (16).

## Variables without an option

No option of Octopus.Server is known for these: they stay in the environment of its commands and of the server, which
may read them there.

"""
KEPT_BACK = """
Those marked *secret* are removed from that environment, like all secrets: if your server reads one there, name it in
`OCTO_NODE_KEEP_ENV`.
"""
CHART = f"""\
# octopus: a chart for Octopus Server
{MADE}

Octopus Server on Kubernetes, with [octo-node](../../../README.md) as process 1 of its nodes: upgraded in place, drained
before they are stopped, one node or many. Helm 3.10 or later, Kubernetes 1.20 or later. The makers' own image is used
as it is.

```
helm install octopus docker/helm/octopus --set octopus.acceptEula=Y \\
  --set octoNode.image.repository=REGISTRY/octo-node --set octopus.databaseConnectionString='Server=...'
```

How it is installed, upgraded, and moved to from the official chart, is told in
[docs/kubernetes.md](../../../docs/kubernetes.md); `examples` has sets of values. `helm test octopus` asks a release
whether it is well.

## Values

| value | default | |
|---|---|---|
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

Octopus.Server isn't open source: octo-node was written beside a stand-in for it (`tests/standin/octopus`). What isn't
published, or differs between the server's ages, is a switch of the stand-in, and octo-node holds either way: its tests
run over a pairwise table, in whose rows each two values of any two switches meet.

**The table**: {pairwise.size()}, {pairwise.described(pairwise.rows())}.
Besides the switches below there are in it

- the age: {", ".join(about.AGES)}; it alone decides `master_key_bytes`, which therefore isn't in the table,
- whether a licence is given,
- what HTTP answers to the ping, before the API's own answer: {", ".join(pairwise.PING)},
- what HTTP answers to all else, as long as the server runs: {", ".join(pairwise.API)}.

**In each row** a node is booted on a new database, restarted unchanged while a task runs, replaced by a new container,
drained and stopped while a task runs of which a step waits for a person, and upgraded to the next release while the
older node still runs (`tests/scenario.py`). `tests/process/test_ages.py` does the same with each age's own defaults,
and goes back to an earlier build of its release.

**To run it**: `scripts/test` runs a sample with every age in it, {pairwise.described(pairwise.sample())}.
`scripts/soak switches` runs all rows, once with each ODBC driver, and `OCTO_TEST_SWITCHES=all` makes any run of
`tests/process/test_switches.py` do so. `-k 'test_row and 17-'` is row 17. The last results: [soak.md](soak.md).

In the sources, *Issues* are those of https://github.com/OctopusDeploy/Issues, *docs* is https://octopus.com/docs.
A default with two values differs between the ages.

| switch | values | default | what it is | source |
|---|---|---|---|---|
"""
WITHOUT_OPTION = (
    "OCTOPUS_SERVER_URI",
    *variables.OIDC,
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
        "limits.md": _limits(),
        "status.md": status_schema.page(MADE),
        "status.schema.json": status_schema.text(),
        "../docker/seccomp/seccompprofile.yaml": iter((seccomp.manifest(),)),
        "../docker/helm/octopus/README.md": _chart(),
        "../docker/helm/octopus/defaults.yaml": iter(((values.CHART / "values.yaml").read_text(),)),
    }
    return {name: "".join(text) for name, text in made.items()}


def _limits() -> Iterator[str]:
    yield LIMITS
    yield from limits.rows()


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
    for verb in command_overrides.VERBS:
        options = [option for option in commandline.OPTIONS if option.verb == verb]
        for number, option in enumerate(options):
            start = f"`{verb}` | {commandline.SECONDS[verb]:g}" if number == 0 else " | "
            needed = "needed" if option.needed else ""
            yield f"| {start} | `{option.name}` | {option.source} | {_ages(option)} | {needed} |\n"
    yield WHEN
    for name in WITHOUT_OPTION:
        yield f"- `{name}`{' (*secret*)' if name in variables.SECRETS else ''}\n"
    yield KEPT_BACK


def _ages(option: commandline.Option) -> str:
    first = f"{option.since} and later" if option.since else ""
    return f"before {option.until}" if option.until else first or "all"


def _values() -> Iterator[str]:
    yield VALUES
    yield from (value.row for value in values.values())


def _chart() -> Iterator[str]:
    yield CHART
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
