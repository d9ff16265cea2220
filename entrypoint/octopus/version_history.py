"""Which versions ran on the database, and on which node, as its servers recorded it.

A server notes when a node gets another version (OctopusDeploy issue 4194). Whether it does so again when the node comes
back to a version that it ran before isn't published: readers hold either way.
"""

from dataclasses import dataclass

from entrypoint.sqlserver.connect import Connection

from .queries import UnknownError, columns, rows
from .version import Version, parse


MOST = 1000  # rows that are read, the newest: one for each version of each node
_TABLE = "OctopusServerInstallationHistory"


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """A node (empty if unknown) and a version that it ran."""

    node: str
    version: Version


@dataclass(frozen=True, slots=True)
class History:
    """What was noted, the newest first; `mark` changes whenever something is noted (None: nothing ever was)."""

    notes: tuple[HistoryEntry, ...] = ()
    mark: str | None = None

    @property
    def highest(self) -> Version | None:
        """The highest version that ran; None if unknown."""
        return max((note.version for note in self.notes), default=None)

    @property
    def last(self) -> Version | None:
        """The version that was recorded last; None if unknown."""
        return self.notes[0].version if self.notes else None

    def last_of(self, node: str) -> Version | None:
        """Return the version that `node` noted last; None if it never did."""
        return next((note.version for note in self.notes if note.node.lower() == node.lower()), None)

    def has_run(self, node: str, version: Version) -> bool:
        """Return whether `node` ever noted `version`."""
        return any(note.node.lower() == node.lower() and note.version == version for note in self.notes)


def read(connection: Connection) -> History:
    """Return what was noted; an empty history if the tables don't tell. Raise pyodbc.Error if SQL Server is lost."""
    there = columns(connection, _TABLE)
    if not there >= {"version", "installed"}:
        return History()
    group = "Node, Version" if "node" in there else "Version"
    try:
        found = rows(
            connection,
            f"SELECT TOP {MOST} {group}, CAST(MAX(Installed) AS nvarchar(50)) "  # noqa: S608 - literals
            f"FROM dbo.{_TABLE} WHERE Version IS NOT NULL GROUP BY {group} ORDER BY MAX(Installed) DESC",
        )
    except UnknownError:
        return History()
    told = [(str(row[0] or "") if len(row) > 2 else "", _version(row[-2])) for row in found]
    notes = tuple(HistoryEntry(node, version) for node, version in told if version is not None)
    return History(notes, " ".join(map(str, found[0])) if found else None)


def _version(value: object) -> Version | None:
    return parse(value) if isinstance(value, str) else None
