"""A small file of notes beside the instance's configuration."""

import json
from pathlib import Path

from entrypoint.base import trusted_file
from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode


_LIMIT = 1 << 20  # bytes; they have a few hundred


class NotesFile:
    """Values by name in the JSON file `path`, which only its owner may read; empty if it can't be read.

    What another user put there isn't believed, and what isn't ours by its form is forgotten: then everything is
    configured anew.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            found = json.loads(trusted_file.read(str(path), _LIMIT))
        except (OSError, ValueError, RecursionError):
            found = {}
        self._notes: dict[str, object] = found if isinstance(found, dict) else {}

    def get(self, name: str) -> object:
        """Return a note; None if there is none."""
        return self._notes.get(name)

    def put(self, name: str, value: object) -> None:
        """Write a note. Raise NodeError (18) if it can't be written."""
        self.put_all({name: value})

    def put_all(self, notes: dict[str, object]) -> None:
        """Write several notes at once. Raise NodeError (18) if they can't be written."""
        self._notes |= notes
        try:
            trusted_file.replace(str(self._path), json.dumps(self._notes).encode(), durably=True)
        except OSError as error:
            raise NodeError(
                ExitCode.NOT_WRITABLE,
                f"What was configured can't be noted in {self._path}: {error.strerror}. Free space in its folder, and "
                "make it writable.",
            ) from error
