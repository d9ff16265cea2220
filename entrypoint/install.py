"""octo-node install DIR: put this tree, the image's /opt/octo-node, into a volume, for a container of another image.

The volume has the tree in a folder that is named by its checksum. `current` leads there, and `bin`, `lib` and so on
lead through `current`: what is seen at those names is a whole tree, or nothing, because `current` is made last and in
one step. It is run at each start of a pod, so what is there is verified first, and only copied if it isn't whole.
"""

import errno
import fcntl
import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, NoReturn

from entrypoint.base import resource_limits
from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode

from . import __version__


MANIFEST = "manifest"
CURRENT = "current"
LOCK_SECONDS = 60.0  # for another `install` into the same volume, which takes two
_LOOK_SECONDS = 0.1
_TREE = re.compile(r"[0-9a-f]{16}")
_OURS = re.compile(r"[0-9a-f]{16}|\.octo-node-.*|lost\+found")
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_USAGE = "Usage: octo-node install DIR"


class Entry(NamedTuple):
    """A file of the tree."""

    checksum: str
    mode: int
    path: str


def main(arguments: Sequence[str]) -> int:
    """Install into the one folder that is given, and say what was done. Raise NodeError."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        raise NodeError(ExitCode.USAGE, _USAGE)
    began = time.monotonic()
    source, target = Path(__file__).resolve().parents[2], Path(arguments[0])
    was_there = install(source, target)
    said = "is in" if was_there else "was copied into"
    print(f"octo-node {__version__} {said} {target}, every file verified: {time.monotonic() - began:.1f} s")
    return ExitCode.DONE


def install(source: Path, target: Path) -> bool:
    """Have the tree `source` in the folder `target`; return whether it was there already, whole.

    Raise NodeError: NOT_WRITABLE if the folder can't take it, FAULT if `source` itself isn't whole.
    """
    if not (source / MANIFEST).is_file():
        raise NodeError(ExitCode.USAGE, f"{source} has no {MANIFEST}: `install` is run in octo-node's own image.")
    if source.is_relative_to(target.resolve()):
        raise NodeError(ExitCode.USAGE, f"octo-node runs from {target}: mount the volume at another path here.")
    try:
        with _locked(target):
            return _install(source, target, (source / MANIFEST).read_bytes())
    except OSError as error:
        _refuse(source, target, error)


def _install(source: Path, target: Path, manifest: bytes) -> bool:
    entries = list(_entries(manifest))
    tops = {entry.path.partition("/")[0] for entry in entries} | {MANIFEST}
    _refuse_others(target, tops)
    tree = target / hashlib.sha256(manifest).hexdigest()[:16]
    is_whole = _is_whole(tree, entries, manifest)
    if not is_whole:
        _copy(source, tree, entries, manifest)
    was_there = is_whole and all(_leads(target / name, f"{CURRENT}/{name}") for name in tops)
    was_there = was_there and _leads(target / CURRENT, tree.name)
    if not was_there:
        for name in tops:
            _lead(target / name, f"{CURRENT}/{name}")
        _lead(target / CURRENT, tree.name)
    _tidy(target, tree)
    return was_there


def _entries(manifest: bytes) -> Iterator[Entry]:
    for line in manifest.decode().splitlines():
        checksum, mode, path = line.split(" ", 2)
        yield Entry(checksum, int(mode, 8), path)


def _refuse_others(target: Path, tops: set[str]) -> None:
    """Raise NodeError if somebody else's files are there: it isn't the folder that was meant."""
    other = next((name for name in os.listdir(target) if not (name in tops | {CURRENT} or _OURS.fullmatch(name))), None)
    if other is not None:
        raise NodeError(
            ExitCode.NOT_WRITABLE,
            f"{target} has files that aren't octo-node's, such as {other}: give it an empty volume, mounted there.",
        )


def _is_whole(tree: Path, entries: Sequence[Entry], manifest: bytes) -> bool:
    """Return whether all files of a tree are there, as the manifest has them."""
    try:
        return (tree / MANIFEST).read_bytes() == manifest and all(
            _checksum(tree / entry.path) == entry.checksum and (tree / entry.path).stat().st_mode & 0o777 == entry.mode
            for entry in entries
        )
    except OSError:
        return False


def _checksum(path: Path) -> str:
    with path.open("rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _copy(source: Path, tree: Path, entries: Sequence[Entry], manifest: bytes) -> None:
    """Copy the tree under another name, verify it, and give it its own. Raise OSError, NodeError."""
    partial = tree.with_name(f".octo-node-{tree.name}")
    _remove(partial)
    try:
        _make_folder(partial)
        for folder in sorted({parent for entry in entries for parent in Path(entry.path).parents} - {Path()}):
            _make_folder(partial / folder)
        for entry in entries:
            _copy_file(source / entry.path, partial / entry.path, entry.mode)
        _write(partial / MANIFEST, manifest, 0o644)
        if not _is_whole(partial, entries, manifest):
            _blame(source, entries, manifest, tree.parent)
        _remove(tree)  # one that isn't whole
        partial.rename(tree)
    except OSError:
        _remove(partial)  # a volume that is full shouldn't stay so
        raise


def _make_folder(path: Path) -> None:
    path.mkdir()
    path.chmod(0o755)  # whatever the umask takes away: the server may run as another user


def _copy_file(source: Path, target: Path, mode: int) -> None:
    with source.open("rb", buffering=0) as file:
        content = file.read()
    _write(target, content, mode)


def _write(path: Path, content: bytes, mode: int) -> None:
    with path.open("wb", buffering=0) as file:
        left = memoryview(content)
        while left:
            left = left[file.write(left) :]
        os.fchmod(file.fileno(), mode)


def _blame(source: Path, entries: Sequence[Entry], manifest: bytes, target: Path) -> NoReturn:
    """Raise NodeError: the copy isn't what the manifest says, because the image isn't, or the volume."""
    if not _is_whole(source, entries, manifest):
        raise NodeError(ExitCode.FAULT, f"{source} isn't what its manifest says: this image is damaged, pull it again.")
    raise NodeError(
        ExitCode.NOT_WRITABLE, f"What was written to {target} isn't what is read there: use another volume."
    )


def _leads(link: Path, where: str) -> bool:
    return link.is_symlink() and os.readlink(link) == where


def _lead(link: Path, where: str) -> None:
    """Make a link, in one step, in the place of what is there: another link, or a tree that the engine copied."""
    if _leads(link, where):
        return
    if link.exists() and not link.is_symlink():
        link.rename(link.with_name(f".octo-node-replaced-{link.name}"))
    new = link.with_name(f".octo-node-link-{link.name}")
    new.unlink(missing_ok=True)
    new.symlink_to(where)
    new.replace(link)


def _tidy(target: Path, tree: Path) -> None:
    """Remove other trees, and what was left by an `install` that was cut off."""
    for name in os.listdir(target):
        if name.startswith(".octo-node-") or (_TREE.fullmatch(name) and name != tree.name):
            _remove(target / name)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other `install`s out of a folder. Raise OSError if it isn't one, NodeError if one of them takes too long."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        deadline = time.monotonic() + LOCK_SECONDS
        while not _lock(descriptor):
            if time.monotonic() > deadline:
                sentence = f"Another `octo-node install` has been at work in {folder} for {LOCK_SECONDS:g} s: end it."
                raise NodeError(ExitCode.NOT_WRITABLE, sentence)
            time.sleep(_LOOK_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # a file system that knows no locks of folders (some NFS): then there is no help
    return True


def _refuse(source: Path, target: Path, error: OSError) -> NoReturn:
    """Raise NodeError with what `error` means, and the next step."""
    if error.errno in _NO_ROOM:
        size = sum(path.lstat().st_size for path in source.rglob("*")) / 1e6
        sentence = f"{target} has no room for octo-node, which is {size:.0f} MB: {error.strerror}. Make it larger."
    elif not target.is_dir():
        sentence = f"{target} isn't a folder: mount the volume for octo-node there."
    elif error.errno == errno.EROFS:
        sentence = f"{target} is mounted read-only: mount it so only in the server's container."
    elif error.errno in {errno.EACCES, errno.EPERM}:
        sentence = (
            f"{target} can't be written by user {os.geteuid()}:{os.getegid()}: run `install` as a user who may "
            "(`--user 0`, runAsUser), or give the volume to this one (fsGroup)."
        )
    else:
        sentence = f"octo-node can't be copied into {target}: {resource_limits.reason(error)}."
    raise NodeError(ExitCode.NOT_WRITABLE, sentence) from error
