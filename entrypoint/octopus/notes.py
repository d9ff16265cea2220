"""A small file of notes beside the instance's configuration."""

import json
import os
from pathlib import Path

from entrypoint import files
from entrypoint.errors import NodeError
from entrypoint.exitcodes import ExitCode


class Notes:
    """Values by name in the JSON file `path`, which only its owner may read; empty if it can't be read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
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
        temporary = self._path.with_suffix(f".{os.getpid()}")
        try:
            number = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(number, "w", encoding="utf-8") as file:
                json.dump(self._notes, file)
                file.flush()
                files.sync(file.fileno())
            temporary.replace(self._path)
        except OSError as error:
            raise NodeError(
                ExitCode.NOT_WRITABLE,
                f"What was configured can't be noted in {self._path}: {error.strerror}. Give its folder room and the "
                "right to write.",
            ) from error
