"""Which files tell of an earlier installation, and how far they are looked for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from processes import ROOT

from entrypoint.prepare.schema import earlier_installation


@pytest.mark.parametrize("path", [".snapshot/old.txt", "lost+found/1", ".octo-node-0123456789abcdef", "a/b/.nfs0001"])
def test_what_is_of_no_installation(tmp_path: Path, path: str) -> None:
    """Hidden files, what fsck found, and empty folders are no earlier installation."""
    file = tmp_path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    (tmp_path / "empty/folder").mkdir(parents=True)

    assert earlier_installation.first_file(str(tmp_path)) == b""


def test_a_file_is_found_in_any_depth(tmp_path: Path) -> None:
    """A file counts however deep it is; its name is told below the folder."""
    (tmp_path / "a/b/c").mkdir(parents=True)
    (tmp_path / "a/b/c/x.zip").touch()

    assert earlier_installation.first_file(str(tmp_path)) == b"a/b/c/x.zip"


def test_the_look_is_bounded(tmp_path: Path) -> None:
    """More entries than are looked at are an installation's, whatever they are."""
    for number in range(earlier_installation.MOST + 1):
        (tmp_path / f"{number:05}").mkdir()
    assert earlier_installation.first_file(str(tmp_path)) == b"more than 2000 entries"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """A link counts as a file, and leads nowhere."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a/y").symlink_to(tmp_path)
    assert earlier_installation.first_file(str(tmp_path)) == b"a/y"


def test_a_folder_that_nobody_may_look_into(tmp_path: Path) -> None:
    """A folder that another user closed is no proof that there is nothing (OctopusDeploy issue 8745)."""
    (tmp_path / "packages").mkdir(mode=0)
    program = (
        "import sys; from entrypoint.prepare.schema import earlier_installation as e; print(e.first_file(sys.argv[1]))"
    )
    alone = ["setpriv", "--bounding-set=-all"] if os.getuid() == 0 else []
    done = subprocess.run(
        [*alone, sys.executable, "-c", program, tmp_path], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "packages, which can't be looked into (Permission denied)" in done.stdout, done.stderr


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """A folder that can't be listed has no files: preflight says what is wrong with it."""
    assert earlier_installation.first_file(str(tmp_path / "none")) == b""
