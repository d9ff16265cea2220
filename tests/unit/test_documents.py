"""What the documents say is what the program does."""

import re

import documents
import pytest
from processes import ROOT

from entrypoint.base.exitcodes import ExitCode
from entrypoint.settings import variables


def headings(name: str) -> list[str]:
    """Return the headings of a document."""
    return re.findall(r"^#+ (.*)", (documents.DOCS / name).read_text(), re.MULTILINE)


@pytest.mark.parametrize("name", documents.documents())
def test_made_documents(name: str) -> None:
    """The documents that are made from the code are up to date."""
    assert documents.documents()[name] == (documents.DOCS / name).read_text(), "run scripts/docs"


@pytest.mark.parametrize("variable", variables.VARIABLES, ids=lambda variable: variable.name)
def test_variables(variable: variables.Variable) -> None:
    """Each variable is described."""
    assert f"| `{variable.name}` |" in (documents.DOCS / "environment.md").read_text()


def test_variables_with_and_without_an_option() -> None:
    """No variable is both handed on as an option and listed as one without."""
    assert not documents.named_in_options() & (set(documents.WITHOUT_OPTION) - {"SSL_CERTIFICATE_FILE"})


@pytest.mark.parametrize("code", ExitCode)
def test_exit_codes(code: ExitCode) -> None:
    """Each exit code has a heading of its own, which tells what it means."""
    assert [heading for heading in headings("troubleshooting.md") if re.match(rf"{code:d}\b.*: \w", heading)]


def test_each_line_on_security_has_its_test() -> None:
    """Whatever docs/security.md says of an attack names the tests that hold it, and they are there."""
    text = (documents.DOCS / "security.md").read_text()
    tables = re.findall(r"^\|[^\n]*\| test \|\n\|[-|]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert len(tables) == text.count("| test |\n") > 0
    for row in (row for table in tables for row in table.splitlines()):
        last = row.strip(" |").rpartition("|")[2]
        named = re.findall(r"`(test_\w+)::(test_\w+)`", last)
        assert named, row
        for file, test in named:
            found = [path.read_text() for path in (ROOT / "tests").rglob(f"{file}.py")]
            assert any(f"def {test}(" in one for one in found), f"{file}::{test}"


def test_what_an_upgrade_by_file_would_take_back() -> None:
    """No document gives octo-node's image or the server's version beside the file that the next upgrade has alone."""
    texts = {path.name: path.read_text() for path in documents.DOCS.rglob("*.md")}
    assert not [name for name, text in texts.items() if re.search(r"--set octo(Node|pus)\.image", text)]


def test_names_of_projects() -> None:
    """Docker Compose takes names of projects in lower case only."""
    found = [re.findall(r"--project-name (\S+)", path.read_text()) for path in documents.DOCS.rglob("*.md")]
    names = {name for names in found for name in names}
    assert names
    assert all(name == name.lower() for name in names)
