"""Which files tell of an earlier installation, and how far they are looked for."""

from pathlib import Path

import pytest

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
    """No more than so many entries are looked at, and links aren't followed into a circle."""
    for number in range(earlier_installation.MOST):
        (tmp_path / f"{number:05}").mkdir()
    (tmp_path / "00000/x").touch()
    (tmp_path / "00000/y").symlink_to(tmp_path)

    assert earlier_installation.first_file(str(tmp_path)) == b""


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """A folder that can't be listed has no files: preflight says what is wrong with it."""
    assert earlier_installation.first_file(str(tmp_path / "none")) == b""
