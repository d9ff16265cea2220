"""What has been applied in this container, so that an unchanged restart configures nothing.

The state is a file beside the instance's configuration. It holds no secret: of each command's inputs only a
scrypt digest. It is valid only for the database it was made for, and only while the instance registry, the
machine key and the configuration file are the ones it was made with.
"""

import contextlib
import errno
import hashlib
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

from entrypoint.settings.paths import Paths

from .notes_file import NotesFile


_COST = 1 << 13  # of scrypt; 25 ms, paid once a command at every start
_SALT = re.compile(r"[0-9a-f]{32}")
_MAX_FILE = 1 << 20  # bytes; nothing in the registry is larger
_MAX_FILES = 1000  # in the registry, which has two or three
Database = dict[str, str]


class AppliedState(NotesFile):
    """The applied state of this container, or an empty one."""

    def __init__(self, paths: Paths) -> None:
        super().__init__(Path(paths.home, "octo-node.json"))
        self._paths = paths
        steps, salt = self.get("steps"), self.get("salt")
        is_sound = isinstance(steps, dict) and isinstance(salt, str) and _SALT.fullmatch(salt)
        # without the salt the digests are worth nothing
        self._steps: dict[str, object] = dict(steps) if is_sound and isinstance(steps, dict) else {}
        self._salt = str(salt) if is_sound else os.urandom(16).hex()
        self._digests: dict[bytes, str] = {}  # each costs what _COST says

    def validate(self, database: Database | None) -> bool:
        """Return whether it was made for `database` with the files that are there now; forget the steps if not."""
        files = _files_digest(self._paths)
        complete = database is not None and files is not None
        same = complete and self.get("database") == database and self.get("files") == files
        if not same:
            self._steps = {}
        return same

    def digest(self, step: str, inputs: Sequence[str]) -> str:
        """Return the digest by which the `inputs` of `step` are known again."""
        text = json.dumps([step, *inputs]).encode()
        if text not in self._digests:
            salt = bytes.fromhex(self._salt)
            self._digests[text] = hashlib.scrypt(text, salt=salt, n=_COST, r=8, p=1, dklen=32).hex()
        return self._digests[text]

    def knows(self, step: str, digest: str) -> bool:
        """Return whether `step` succeeded with these inputs."""
        return self._steps.get(step) == digest

    def has(self, step: str) -> bool:
        """Return whether `step` succeeded once, whatever its inputs were."""
        return step in self._steps

    def remember(self, step: str, digest: str, database: Database | None) -> None:
        """Note that `step` succeeded with these inputs, in `database` (None: there is none yet)."""
        self._steps[step] = digest
        self.put_all(
            {"salt": self._salt, "steps": self._steps, "database": database, "files": _files_digest(self._paths)}
        )

    def may_be_of(self, place: Database) -> bool:
        """Return whether nothing was configured here for a database at another place."""
        known = self.get("database")
        # what names no place is none of ours, and says nothing
        return not isinstance(known, dict) or not known.keys() >= place.keys() or place.items() <= known.items()

    def note_files(self) -> None:
        """Take the instance's files as they are now for the known ones: a server may write to them when it starts."""
        if self.get("files") is not None:
            self.put("files", _files_digest(self._paths))


def _files_digest(paths: Paths) -> str | None:
    """Return a digest of the registry, the machine key and the configuration file; None if one is missing."""
    config = Path(paths.config_file)
    digest = hashlib.sha256()
    try:
        registry = sorted(_files(paths.registry))
        if not registry or not config.is_file():
            return None
        for path in (*registry, str(config)):
            number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # it may be a pipe by now
            with open(number, "rb") as file:
                content = file.read(_MAX_FILE)
            digest.update(f"{path}\0{len(content)}\0".encode("utf-8", "surrogateescape") + content)
    except OSError:
        return None
    return digest.hexdigest()


def _files(folder: str) -> list[str]:
    """Return the files below `folder`, without those that it isn't allowed to look for. Raise OSError for too many."""
    found, folders, seen = [], [folder], 0
    while folders:
        with contextlib.suppress(PermissionError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                seen += 1
                if seen > _MAX_FILES:
                    raise OSError(errno.E2BIG, "there are too many files", folder)
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                elif entry.is_file():
                    found.append(entry.path)
    return found
