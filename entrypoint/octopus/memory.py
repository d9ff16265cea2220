"""What was configured in this container, so that an unchanged restart configures nothing.

The memory stands beside the instance's configuration. It holds no secret: of each command's inputs only a
scrypt digest. It is believed only for the database it was made for, and only while the instance registry, the
machine key and the configuration file are the ones it was made with.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from entrypoint import paths
from entrypoint.errors import NodeError
from entrypoint.exitcodes import ExitCode


_COST = 1 << 13  # of scrypt; 25 ms, paid once a command at every start
_MAX_FILE = 1 << 20  # bytes; nothing in the registry is larger
Database = dict[str, str]


class Memory:
    """The memory of this container, or an empty one. `environ` tells where it is."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._path = Path(paths.home(environ), "octo-node.json")
        self._data = self._load()
        self._digests: dict[bytes, str] = {}  # each costs what _COST says
        self._salt = bytes.fromhex(str(self._data.setdefault("salt", os.urandom(16).hex())))

    def _load(self) -> dict[str, object]:
        try:
            data = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return data if isinstance(data, dict) else {}

    def believe(self, database: Database | None) -> bool:
        """Return whether it was made for `database` with the files that are there now; forget the steps if not."""
        files = _files_digest(self._environ)
        complete = database is not None and files is not None
        same = complete and self._data.get("database") == database and self._data.get("files") == files
        if not same:
            self._data |= {"steps": {}, "schema": None}
        return same

    def digest(self, step: str, inputs: Sequence[str]) -> str:
        """Return the digest by which the `inputs` of `step` are known again."""
        text = json.dumps([step, *inputs]).encode()
        if text not in self._digests:
            self._digests[text] = hashlib.scrypt(text, salt=self._salt, n=_COST, r=8, p=1, dklen=32).hex()
        return self._digests[text]

    def knows(self, step: str, digest: str) -> bool:
        """Return whether `step` succeeded with these inputs."""
        steps = self._data.get("steps")
        return isinstance(steps, dict) and steps.get(step) == digest

    def has(self, step: str) -> bool:
        """Return whether `step` succeeded once, whatever its inputs were."""
        steps = self._data.get("steps")
        return isinstance(steps, dict) and step in steps

    def remember(self, step: str, digest: str, database: Database | None) -> None:
        """Note that `step` succeeded with these inputs, in `database` (None: there is none yet)."""
        steps = self._data.setdefault("steps", {})
        if isinstance(steps, dict):
            steps[step] = digest
        self._data |= {"database": database, "files": _files_digest(self._environ)}
        self._save()

    def forget(self, step: str) -> None:
        """Take `step` out of the memory."""
        steps = self._data.get("steps")
        if isinstance(steps, dict):
            steps.pop(step, None)
        self._save()

    def note_making(self, place: Database) -> None:
        """Note, before it is made, that the database at `place` is ours: it may be cut off half made."""
        self._data["making"] = place
        self._save()

    def was_making(self, place: Database) -> bool:
        """Return whether the database at `place` was to be made from here."""
        return self._data.get("making") == place

    def may_be_of(self, place: Database) -> bool:
        """Return whether nothing was configured here for a database at another place."""
        known = self._data.get("database")
        return not isinstance(known, dict) or place.items() <= known.items()

    def note_files(self) -> None:
        """Take the instance's files as they are now for the known ones: a server may write to them when it starts."""
        if self._data.get("files") is not None:
            self._data["files"] = _files_digest(self._environ)
            self._save()

    def is_of_schema(self, version: str) -> bool:
        """Return whether the schema was brought to `version` from this container."""
        return self._data.get("schema") == version

    def remember_schema(self, version: str) -> None:
        """Note that the schema was brought to `version`, which the database itself tells only once a server has run."""
        self._data["schema"] = version
        self._save()

    def version(self, executable: str) -> str | None:
        """Return the version that `executable` was found to be; None if it changed since, or was never asked."""
        known = self._data.get("version")
        return known.get("text") if isinstance(known, dict) and known.get("file") == _identity(executable) else None

    def remember_version(self, executable: str, text: str) -> None:
        """Note the version of `executable`."""
        self._data["version"] = {"file": _identity(executable), "text": text}
        self._save()

    def _save(self) -> None:
        temporary = self._path.with_suffix(f".{os.getpid()}")
        try:
            number = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(number, "w", encoding="utf-8") as file:
                json.dump(self._data, file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path)
        except OSError as error:
            raise NodeError(
                ExitCode.NOT_WRITABLE,
                f"What was configured can't be noted in {self._path}: {error.strerror}. Give its folder room and the "
                "right to write.",
            ) from error


def _identity(path: str) -> list[int]:
    status = os.stat(path)
    return [status.st_mtime_ns, status.st_size]


def _files_digest(environ: Mapping[str, str]) -> str | None:
    """Return a digest of the registry, the machine key and the configuration file; None if one is missing."""
    config = Path(paths.config_file(environ))
    registry = sorted(path for path in Path(paths.registry(environ)).rglob("*") if path.is_file())
    if not registry or not config.is_file():
        return None
    digest = hashlib.sha256()
    for path in (*registry, config):
        try:
            with path.open("rb") as file:
                content = file.read(_MAX_FILE)
        except OSError:
            return None
        digest.update(f"{path}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()
