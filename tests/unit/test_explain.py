"""Help and explanations: every verb, code, variable and document has one, and shells complete them."""

import re
import shutil
import subprocess
import tomllib

import pytest
from processes import OCTO_NODE, ROOT

from entrypoint import cli, completion, explain, usage, verbs
from entrypoint.base import errors
from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode
from entrypoint.settings import variables


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run octo-node as a person does."""
    return subprocess.run([*OCTO_NODE, *words], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def explained(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Return what `octo-node explain` prints."""
    assert explain.explain(words) == ExitCode.DONE
    return capsys.readouterr().out


def test_every_verb_is_declared_once() -> None:
    """The door's verbs are those that `--help` tells of; the heavy half has those that aren't the door's own."""
    assert tuple(usage.BY_NAME) == cli.VERBS
    assert set(verbs.VERBS) <= {*cli.VERBS, *cli.INTERNAL}


@pytest.mark.parametrize("name", cli.VERBS)
def test_help_of_every_verb(name: str) -> None:
    """`octo-node VERB --help` tells how it is used, and does nothing else."""
    done = run(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: octo-node {name}")
    assert usage.BY_NAME[name].sentence in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 120


@pytest.mark.parametrize("name", [name for name in verbs.VERBS if usage.BY_NAME.get(name, usage.VERBS[0]).options])
def test_the_options_are_those_it_takes(name: str) -> None:
    """What help says of options is what the verb's own parser takes."""
    option, _, value = usage.BY_NAME[name].options[0][0].partition(" ")
    told = run(
        name, option, *(["1"] if value else []), "--help"
    ).stdout  # only behind another the parser itself sees it
    taken = set(re.findall(r"^  (--[\w-]+)", told, re.MULTILINE))
    assert taken == {form.partition(" ")[0] for form, _ in usage.BY_NAME[name].options}


def test_help_in_all_its_forms() -> None:
    """`help`, `--help` and `-h` are one; without a verb it goes to stderr, with 2; an unknown one has a nearest."""
    told = run("help")
    assert [run(word).stdout for word in ("--help", "-h")] == [told.stdout] * 2
    assert told.returncode == 0
    bare = run()
    assert (bare.returncode, bare.stdout, bare.stderr) == (2, "", told.stdout)
    assert run("help", "drain").stdout == run("drain", "--help").stdout
    assert "Did you mean `octo-node drain`?" in run("help", "drian").stderr


@pytest.mark.parametrize("code", list(ExitCode))
def test_codes(capsys: pytest.CaptureFixture[str], code: ExitCode) -> None:
    """Each exit code's section is that of the troubleshooting document."""
    told = explained(capsys, f"{code:d}")
    assert told.startswith(f"## {code:d}")
    assert told.strip() in (explain.DOCUMENTS / "troubleshooting.md").read_text()


def test_codes_of_others(capsys: pytest.CaptureFixture[str]) -> None:
    """A signal's code is explained as one, all others as the server's own."""
    assert "signal 15 ended it" in explained(capsys, "143")
    assert "Octopus.Server's own" in explained(capsys, "100")


@pytest.mark.parametrize("variable", variables.VARIABLES, ids=lambda variable: variable.name)
def test_variables(capsys: pytest.CaptureFixture[str], variable: variables.Variable) -> None:
    """Each variable is explained: what it does, its default, what it takes; by the name of its file, too."""
    told = explained(capsys, variable.name)
    assert told == explained(capsys, f"{variable.name}_FILE")
    assert variable.sentence in told
    assert variable.kind in explain.KINDS or "|" in variable.kind
    assert variable.default in told


def test_which_command_a_variable_feeds(capsys: pytest.CaptureFixture[str]) -> None:
    """A variable that is handed on as an option names the command and the option."""
    assert "- command: `node --taskCap`" in explained(capsys, "task_cap")
    assert "`configure --sendTelemetry`" in explained(capsys, "ENABLE_USAGE")
    assert "none of Octopus.Server's" in explained(capsys, "OCTO_NODE_SQL_WAIT")


def test_verbs_documents_and_symptoms(capsys: pytest.CaptureFixture[str]) -> None:
    """A verb, a document by its name, and the rows of the index that have all the words."""
    assert "usage: octo-node drain" in explained(capsys, "drain")
    for name in explain.documents():
        assert explained(capsys, f"docs/{name}.md").strip() == (explain.DOCUMENTS / f"{name}.md").read_text().strip()
    assert explained(capsys, "hangs", "terminating").startswith("## a pod hangs in Terminating\n")
    assert "Documents" in explained(capsys)


def test_what_nobody_knows() -> None:
    """What can't be explained is refused with the nearest name."""
    with pytest.raises(NodeError, match=r"explain DB_CONNECTION_STRING`\?") as caught:
        explain.explain(["DB_CONECTION_STRING"])
    assert caught.value.code == ExitCode.USAGE


def test_the_pointer() -> None:
    """A refusal ends with where more is said, where there is more: usage and a command's own code say it themselves."""
    pointed = {code for code in ExitCode if errors.pointer(code)}
    assert pointed == {code for code in ExitCode if ExitCode.EULA <= code <= ExitCode.FAULT}


def test_the_documents_are_packed() -> None:
    """The wheel has the documents where explain looks for them."""
    packed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert packed["force-include"] == {"docs": "entrypoint/docs"}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["dr"], {"drain"}),
        (["drain", "--c"], {"--cancel-tasks", "--cancel-wait"}),
        (["probe", "l"], {"liveness"}),
        (["explain", "TASK"], {"TASK_CAP"}),
        (["explain", "14"], {"14"}),
        (["help", "und"], {"undrain"}),
        (["completion", ""], {"bash", "zsh", "--help"}),
    ],
)
def test_bash_completes(words: list[str], expected: set[str]) -> None:
    """Bash completes verbs, options, codes and variables."""
    script = (
        f"source <({' '.join(OCTO_NODE)} completion bash); COMP_CWORD={len(words)}; "
        f"COMP_WORDS=(octo-node {' '.join(words[:-1])} '{words[-1]}'); "
        'COMP_LINE=; _octo_node; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["/bin/bash", "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert set(done.stdout.split()) == expected


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh isn't installed")
def test_zsh_takes_the_script() -> None:
    """Zsh reads its script without a complaint, and knows the function."""
    command = (
        f"autoload -Uz compinit && compinit -D && source <({' '.join(OCTO_NODE)} completion zsh); whence -w _octo-node"
    )
    done = subprocess.run(
        [str(shutil.which("zsh")), "-fc", command], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("_octo-node: function\n", "")


def test_only_shells_are_completed_for() -> None:
    """A shell that there is no script for is refused."""
    with pytest.raises(NodeError, match=r"bash\|zsh"):
        completion.complete(["fish"])
