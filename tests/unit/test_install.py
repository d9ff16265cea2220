"""`octo-node install`: at the names that the server's container uses there is a whole tree, or nothing."""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from processes import ROOT, wait_until

from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode
from entrypoint.install import install as octo_node_install


LAUNCH = "import sys; sys.path.insert(0, sys.argv.pop(1)); from entrypoint.__main__ import main; sys.exit(main())"
LARGE = 1 << 20  # bytes
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")


def write_manifest(home: Path) -> None:
    """Write the manifest of a tree, as the image's build does."""
    (home / "manifest").unlink(missing_ok=True)
    program = "import pathlib, sys, assemble; assemble.write_manifest(pathlib.Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", program, str(home)], cwd=ROOT / "docker", check=True, timeout=60)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Give a tree like the image's, with octo-node itself in it, a program and a large file."""
    home = tmp_path / "image"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "entrypoint", home / "packages" / "entrypoint", ignore=ignore)
    for name in ("bin", "lib"):
        (home / name).mkdir()
    (home / "bin" / "octo-node").write_text("#!/nowhere\n")
    (home / "bin" / "octo-node").chmod(0o755)
    (home / "lib" / "large").write_bytes(os.urandom(LARGE))
    write_manifest(home)
    return home


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Give an empty volume."""
    folder = tmp_path / "volume"
    folder.mkdir()
    return folder


def command(tree: Path, *words: object) -> list[str]:
    """Return how the tree's own octo-node is started."""
    return [sys.executable, "-IBS", "-c", LAUNCH, str(tree / "packages"), "install", *map(str, words)]


def install(tree: Path, *words: object, before: Callable[[], object] | None = None) -> subprocess.CompletedProcess[str]:
    """Run `octo-node install` with `words` to its end; `before` is run in its process."""
    return subprocess.run(
        command(tree, *words), capture_output=True, text=True, timeout=60, check=False, preexec_fn=before
    )


def is_installed(tree: Path, target: Path) -> bool:
    """Return whether what the server's container would see is `tree`, every file of it, with its mode."""
    files = [path for path in tree.rglob("*") if path.is_file()]
    return all(
        (target / path.relative_to(tree)).read_bytes() == path.read_bytes()
        and (target / path.relative_to(tree)).stat().st_mode == path.stat().st_mode
        for path in files
    )


def contents(target: Path) -> dict[str, int]:
    """Return the inodes of all that is in a folder."""
    return {str(path): path.lstat().st_ino for path in target.rglob("*")}


def test_install(tree: Path, target: Path) -> None:
    """An empty folder gets the whole tree, modes included, whatever the umask is, and for every user to read."""
    done = install(tree, target, before=lambda: os.umask(0o077))
    assert done.returncode == 0, done.stderr
    assert f"was copied into {target}, every file verified" in done.stdout
    assert is_installed(tree, target)
    for path in target.rglob("*"):
        assert path.is_symlink() or path.stat().st_mode & 0o005 >= (0o005 if path.is_dir() else 0o004)


def test_again(tree: Path, target: Path) -> None:
    """A second call touches nothing, and says that all is there."""
    install(tree, target)
    before = contents(target)
    done = install(tree, target)
    assert (done.returncode, contents(target)) == (0, before)
    assert f"is in {target}, every file verified" in done.stdout


@pytest.mark.parametrize("harm", ["truncated", "missing", "changed", "mode", "link", "folder"])
def test_damage_is_mended(tree: Path, target: Path, harm: str) -> None:
    """A tree that isn't whole is copied anew, whatever is wrong with it."""
    install(tree, target)
    victim = target / "lib" / "large"
    real = victim.resolve()
    match harm:
        case "truncated":
            os.truncate(real, LARGE // 2)
        case "missing":
            real.unlink()
        case "changed":
            real.write_bytes(os.urandom(LARGE))
        case "mode":
            real.chmod(0o600)
        case "link":
            (target / "current").unlink()
        case _:  # a folder in the place of a link
            (target / "lib").unlink()
            (target / "lib").mkdir()
    assert install(tree, target).returncode == 0
    assert is_installed(tree, target)
    assert not (target / "lib" / "large").stat().st_mode & 0o022


def test_interrupted(tree: Path, target: Path) -> None:
    """A copy that was killed shows nothing to a reader, and the next call finishes it and leaves nothing of it."""
    os.mkfifo(tree / "lib" / "hangs")  # in the middle of the copy
    with (tree / "manifest").open("a") as manifest:
        manifest.write(f"{'0' * 64} 644 lib/hangs\n")
    process = subprocess.Popen(command(tree, target))
    wait_until(lambda: list(target.glob(".octo-node-*/bin/octo-node")), what="it copies")
    process.kill()
    process.wait()
    assert not (target / "bin").exists()
    (tree / "lib" / "hangs").unlink()
    write_manifest(tree)
    assert install(tree, target).returncode == 0
    assert is_installed(tree, target)
    assert not list(target.glob(".octo-node-*"))


@pytest.fixture
def watched(tree: Path, target: Path) -> Iterator[list[str]]:
    """Watch the target as a reader does; give what was seen there that isn't a whole tree."""
    wrong: list[str] = []
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.is_set():
            try:
                manifest = (target / "manifest").read_bytes()
            except FileNotFoundError:
                continue
            names = [line.split(" ", 2)[2] for line in manifest.decode().splitlines()]
            wrong.extend(name for name in names if not (target / name).exists())

    thread = threading.Thread(target=watch)
    thread.start()
    yield wrong
    is_over.set()
    thread.join()
    assert not wrong


def test_another_version(tree: Path, target: Path, watched: list[str]) -> None:
    """Another tree takes the place of the first in one step, and nothing is left of that one."""
    install(tree, target)
    first = (target / "current").resolve()
    (tree / "lib" / "large").write_bytes(os.urandom(LARGE))
    (tree / "bin" / "more").write_text("more")
    write_manifest(tree)
    assert install(tree, target).returncode == 0
    assert is_installed(tree, target)
    assert not first.exists()
    assert not watched


def test_engine_copied_it(tree: Path, target: Path) -> None:
    """A volume that the engine filled from the image, with a plain tree, is taken over."""
    shutil.copytree(tree, target, dirs_exist_ok=True)
    (tree / "bin" / "more").write_text("more")
    write_manifest(tree)
    assert install(tree, target).returncode == 0
    assert is_installed(tree, target)


def test_two_at_once(tree: Path, target: Path) -> None:
    """Several that are started at once, on one volume, all succeed."""
    processes = [subprocess.Popen(command(tree, target), stdout=subprocess.DEVNULL) for _ in range(4)]
    assert [process.wait(60) for process in processes] == [0] * 4
    assert is_installed(tree, target)


def test_damaged_image(tree: Path, target: Path) -> None:
    """An image that isn't what its manifest says is told from a volume that can't keep what it is given: 70."""
    (tree / "lib" / "large").write_bytes(b"damaged")
    done = install(tree, target)
    assert done.returncode == ExitCode.FAULT
    assert "this image is damaged, pull it again" in done.stderr
    assert not (target / "bin").exists()


def test_no_room(tree: Path, target: Path) -> None:
    """A volume that is too small is told with the size that is needed, and isn't left full."""
    done = install(tree, target, before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (LARGE // 2, LARGE // 2)))
    assert done.returncode == ExitCode.NOT_WRITABLE
    assert f"{target} has no room for octo-node, which is" in done.stderr
    assert not list(target.iterdir())


@needs_root
def test_not_writable(tree: Path) -> None:
    """A volume that this user can't write to is told with the user and the ways out."""
    with tempfile.TemporaryDirectory() as folder:  # pytest's own is for its user alone
        os.chmod(folder, 0o755)  # noqa: S103 - as a volume is
        shutil.copytree(tree, f"{folder}/image")
        os.mkdir(f"{folder}/volume", 0o755)
        os.seteuid(12345)
        try:
            with pytest.raises(NodeError, match="can't be written by user 12345:0: run `install` as a user") as caught:
                octo_node_install(Path(folder, "image"), Path(folder, "volume"))
        finally:
            os.seteuid(0)
    assert caught.value.code == ExitCode.NOT_WRITABLE


def test_not_a_folder(tree: Path, target: Path) -> None:
    """What isn't there, or is no folder, was meant to be a mount: nothing is made in its place."""
    file = target / "file"
    file.write_text("a file")
    for wrong in (target / "nowhere", file):
        done = install(tree, wrong)
        assert done.returncode == ExitCode.NOT_WRITABLE
        assert f"{wrong} isn't a folder: mount the volume for octo-node there." in done.stderr


def test_foreign_files(tree: Path, target: Path) -> None:
    """A folder with other files is refused: it may be /usr, which has a bin and a lib as well."""
    (target / "share").mkdir()
    (target / "bin").mkdir()
    done = install(tree, target)
    assert done.returncode == ExitCode.NOT_WRITABLE
    assert "has files that aren't octo-node's, such as share: give it an empty volume" in done.stderr
    assert sorted(os.listdir(target)) == ["bin", "share"]


@pytest.mark.parametrize("words", [(), ("--force", "/x"), ("/x", "/y")])
def test_usage(tree: Path, words: tuple[str, ...]) -> None:
    """It takes one folder and nothing else."""
    done = install(tree, *words)
    assert (done.returncode, done.stderr) == (ExitCode.USAGE, "octo-node: Usage: octo-node install DIR\n")


def test_onto_itself(tree: Path) -> None:
    """The tree that runs isn't put in its own place."""
    done = install(tree, tree)
    assert done.returncode == ExitCode.USAGE
    assert "mount the volume at another path" in done.stderr


def test_without_a_manifest(target: Path) -> None:
    """A checkout can't be installed from."""
    done = subprocess.run(
        [sys.executable, "-m", "entrypoint", "install", target],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == ExitCode.USAGE
    assert "`install` is run in octo-node's own image" in done.stderr


def test_what_the_image_leaves_out_is_not_needed() -> None:
    """No module of octo-node, and nothing that is shown on a terminal, loads the packages that the image leaves out."""
    program = textwrap.dedent("""
        import importlib, pkgutil, sys
        sys.modules.update(dict.fromkeys(("pygments", "markdown_it", "mdurl")))
        import entrypoint
        for module in pkgutil.walk_packages(entrypoint.__path__, "entrypoint."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
        from rich.console import Console
        from rich.live import Live
        from entrypoint.node import drain_view
        with Live(console=Console(force_terminal=True, width=80), auto_refresh=False, screen=True) as live:
            live.update(drain_view.table([], 1.0), refresh=True)
    """)
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=120, capture_output=True)
