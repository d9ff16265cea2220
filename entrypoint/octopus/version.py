"""Versions as Octopus numbers them: 2026.2.197, 2025.3.10568-hotfix.1 (SemVer 2 with years)."""

import functools
import os
import re

from .notes_file import NotesFile


_FORM = re.compile(r"v?(\d+(?:\.\d+){1,3})(?:-([0-9A-Za-z.-]+))?(?:\+\S*)?")
_LONGEST = 100  # characters; Python refuses to make a number of thousands of digits


@functools.total_ordering
class Version:
    """A version that can be compared; `text` is how it was written."""

    def __init__(self, text: str, numbers: tuple[int, ...], label: tuple[tuple[int, int, str], ...]) -> None:
        self.text = text
        # without a label comes after any label of the same number (SemVer 2, section 11)
        self._key = (numbers, not label, label)

    @property
    def release(self) -> tuple[int, ...]:
        """The year and the number: builds of one release are safe both ways (documentation, `upgrading`)."""
        return self._key[0][:2]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._key == other._key

    def __lt__(self, other: "Version") -> bool:
        return self._key < other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __str__(self) -> str:
        return self.text


def parse(text: object) -> Version | None:
    """Return the version that `text` says; None if it is none, or no text: a database's column may hold anything."""
    match = _FORM.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None or len(match[0]) > _LONGEST:
        return None
    numbers = tuple(map(int, match[1].split(".")))
    label = tuple(
        (0, int(part), "") if part.isdigit() else (1, 0, part) for part in (match[2] or "").split(".") if part
    )
    return Version(match[0], numbers + (0,) * (4 - len(numbers)), label)


def find(text: str) -> Version | None:
    """Return the version that stands in `text`, as a command printed it; None if there is none.

    One that begins with a year is Octopus's; another (.NET's, an address) is only taken if there is no such.
    """
    words = re.findall(r"(?<![\w.])\d+(?:\.\d+){2,3}(?:-[0-9A-Za-z.-]*[0-9A-Za-z])?", text)
    return parse(next((word for word in words if word.startswith("20")), words[0] if words else None))


def is_too_new(found: Version | None, own: Version) -> bool:
    """Return whether a database that `found` ran on is none for this server: it is of a newer release than `own`.

    Another build of the same release may go back; whether its schema is another, the server itself looks at
    (OctopusDeploy issue 7790: it compares upgrade scripts, not versions).
    """
    return found is not None and found.release > own.release


def known(notes: NotesFile, executable: str) -> Version | None:
    """Return the version that `executable` was found to be; None if it changed since, or was never asked."""
    note = notes.get("version")
    same = isinstance(note, dict) and note.get("file") == _identity(executable)
    return parse(str(note.get("text"))) if same and isinstance(note, dict) else None


def remember(notes: NotesFile, executable: str, version: Version) -> None:
    """Note the version of `executable`."""
    notes.put("version", {"file": _identity(executable), "text": version.text})


def _identity(path: str) -> list[int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return [status.st_mtime_ns, status.st_size]


def is_of_schema(notes: NotesFile, version: Version) -> bool:
    """Return whether the schema was brought to `version` from this container."""
    return notes.get("schema") == version.text


def remember_schema(notes: NotesFile, version: Version) -> None:
    """Note that the schema was brought to `version`, which the database itself tells only once a server has run."""
    notes.put("schema", version.text)


def left_out(notes: NotesFile, version: Version) -> frozenset[str]:
    """Return the options, as `verb --name`, that a server of `version` was found not to know."""
    match notes.get("left_out"):
        case {"version": version.text, "options": list(options)}:
            return frozenset(option for option in options if isinstance(option, str))
        case _:
            return frozenset()


def leave_out(notes: NotesFile, version: Version, options: frozenset[str]) -> None:
    """Note that a server of `version` doesn't know `options`; another version is given them again."""
    found = left_out(notes, version) | options
    notes.put("left_out", {"version": version.text, "options": sorted(found)})
