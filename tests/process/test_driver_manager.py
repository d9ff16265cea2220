"""Whose code runs as ODBC driver in octo-node: only that which root or this user has registered."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import odbcini
import pytest
from processes import NAMESPACE, OCTO_NODE, ROOT, free_port


HOSTILE = "ODBC Driver 99 for SQL Server"
PROGRAM = "from entrypoint.sqlserver import odbc; print(odbc.installed_driver())"
CODE = """
#include <stdio.h>
#include <stdlib.h>
__attribute__((constructor)) static void run(void) { FILE *f = fopen(getenv("HOSTILE_MARK"), "w"); if (f) fclose(f); }
"""


def ask(environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Ask which driver octo-node would use, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]} | environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def registered(
    folder: Path, library: str = "libtdsodbc.so", name: str = odbcini.FREETDS, file: str = "odbcinst.ini"
) -> Path:
    """Return a configuration file in `folder`, which is made, that registers a library as driver."""
    folder.mkdir(exist_ok=True)
    (folder / file).write_text(f"[{name}]\nDriver={library}\n")
    (folder / file).chmod(0o644)
    return folder / file


@pytest.fixture
def hostile(tmp_path: Path) -> dict[str, str]:
    """Give an environment whose HOME registers the newest of drivers; its code makes the file `mark`."""
    library = tmp_path / "hostile.so"
    compiler = shutil.which("gcc")
    if compiler:
        (tmp_path / "hostile.c").write_text(CODE)
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, tmp_path / "hostile.c"], timeout=60, check=True)
    registered(tmp_path / "home", str(library), HOSTILE, ".odbcinst.ini")
    registered(tmp_path / "home", str(library), HOSTILE, ".odbc.ini")
    return {"HOME": str(tmp_path / "home"), "HOSTILE_MARK": str(tmp_path / "mark")}


def test_home_registers_no_driver(tmp_path: Path, hostile: dict[str, str]) -> None:
    """What whoever runs as our user registers in HOME isn't known, let alone run, with any verb that connects."""
    registered(tmp_path / "etc")
    environ = hostile | {"ODBCSYSINI": str(tmp_path / "etc")}
    done = ask(environ)
    assert odbcini.FREETDS in done.stdout, done.stderr

    node = {
        "ACCEPT_EULA": "Y",
        "DISABLE_DIND": "Y",
        "DB_CONNECTION_STRING": f"Server=127.0.0.1,{free_port()};Database=x;User Id=x;Password=x-x-x-x",
        "OCTO_NODE_ROOT": str(tmp_path / "root"),
        "OCTO_NODE_SERVER_DIR": str(tmp_path),
        "OCTO_NODE_RUN_DIR": str(tmp_path / "run"),
        "OCTO_NODE_SQL_WAIT": "2",
    }
    done = subprocess.run(
        [*OCTO_NODE, "prepare"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]} | environ | node,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 12, done.stderr
    assert not (tmp_path / "mark").exists(), "the code of another's driver was run"


def test_the_variables_are_not_handed_on(tmp_path: Path, hostile: dict[str, str]) -> None:
    """What the driver manager is told is told to nobody else: HOME stays what it is for Octopus.Server's commands."""
    registered(tmp_path / "etc")
    program = f"{PROGRAM}; import os; print(os.environ['HOME'])"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "ODBCSYSINI": str(tmp_path / "etc")} | hostile,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == hostile["HOME"]


WAYS = [
    "the file",
    "its folder",
    "a folder above",
    "a folder of a link",
    "where the link leads",
    "the library",
    "missing",
]


@pytest.mark.parametrize("way", WAYS)
def test_a_configuration_that_others_could_change_is_refused(tmp_path: Path, way: str) -> None:
    """A file, folder, link or library that other users may write is named, with what to do (11), and isn't used."""
    above = tmp_path / "above"
    above.mkdir()
    library = above / "libtdsodbc.so"
    library.touch()
    file = registered(above / "etc", str(library) if way == "the library" else "libtdsodbc.so")
    environ = {"ODBCSYSINI": str(file.parent)}
    if way in {"a folder of a link", "where the link leads"}:
        (tmp_path / "links").mkdir()
        (tmp_path / "links/etc").symlink_to(file.parent)
        environ["ODBCSYSINI"] = str(tmp_path / "links/etc")
    if way == "missing":
        file.unlink()
    open_to_others = {
        "the file": file,
        "a folder above": above,
        "a folder of a link": tmp_path / "links",
        "the library": library,
    }.get(way, file.parent)
    open_to_others.chmod(0o777 if open_to_others.is_dir() else 0o666)
    done = ask(environ)
    assert "NodeError" in done.stderr
    assert f"{open_to_others} can be changed by others than root" in done.stderr
    assert f"chmod go-w {open_to_others}" in done.stderr

    open_to_others.chmod(0o755 if open_to_others.is_dir() else 0o644)
    assert "can be changed by others" not in ask(environ).stderr


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("way", ["the file", "its folder", "a link"])
def test_a_configuration_of_another_user_is_refused(tmp_path: Path, way: str) -> None:
    """What belongs to another user than root and ours isn't used, whatever its mode; not even a link."""
    file = registered(tmp_path / "etc")
    environ = {"ODBCSYSINI": str(file.parent)}
    (tmp_path / "link").mkdir()
    (tmp_path / "link/odbcinst.ini").symlink_to(file)
    if way == "a link":
        environ = {"ODBCSYSINI": str(tmp_path / "link")}
    given = {"the file": file, "its folder": file.parent, "a link": tmp_path / "link/odbcinst.ini"}[way]
    os.chown(given, 12345, 12345, follow_symlinks=False)
    done = ask(environ)
    assert f"{given} can be changed by others than root" in done.stderr


def test_a_folder_where_each_has_his_own_is_fine(tmp_path: Path) -> None:
    """A sticky folder such as /tmp above ours lets nobody change what is ours."""
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp").chmod(0o1777)
    file = registered(tmp_path / "tmp/etc")
    assert odbcini.FREETDS in ask({"ODBCSYSINI": str(file.parent)}).stdout


def test_nobody_here_can_change_what_is_mounted_read_only(tmp_path: Path) -> None:
    """A configuration on a read-only mount is used, whatever its mode: octo-node's own volume, an emptyDir of 0777."""
    folder = tmp_path / "volume"
    file = registered(folder)
    folder.chmod(0o777)
    file.chmod(0o666)
    mount = f'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && exec "$2" -c "{PROGRAM}"'
    done = subprocess.run(
        [*NAMESPACE, "-m", "sh", "-c", mount, "sh", folder, sys.executable],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "ODBCSYSINI": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert odbcini.FREETDS in done.stdout, done.stderr
