"""The databases: one SQLite file each, and a list of them that survives the process."""

from __future__ import annotations

import json
import sqlite3
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

from . import errors, temporal
from .errors import SqlError


TYPE_CHECKING = False
if TYPE_CHECKING:
    from .control import Control


COLLATION = "SQL_Latin1_General_CP1_CI_AS"
SYSTEM = ("master", "tempdb", "model", "msdb")
# What the server knows of a database's objects and SQLite doesn't.
_SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS __objects (
  object_id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT COLLATE NOCASE, type TEXT, parent TEXT COLLATE NOCASE,
  columns TEXT, create_date TEXT);
CREATE TABLE IF NOT EXISTS __columns (
  table_name TEXT COLLATE NOCASE, column_id INTEGER, name TEXT COLLATE NOCASE, type TEXT,
  nullable INTEGER, is_identity INTEGER, default_sql TEXT, PRIMARY KEY (table_name, name)) WITHOUT ROWID;
INSERT OR IGNORE INTO __objects (object_id, name, type) VALUES (900000000, '', 'X');
"""


@dataclass(frozen=True)
class Database:
    """A database; a name that is dropped and created again is another one."""

    name: str
    database_id: int
    create_date: str
    file: str

    @property
    def alias(self) -> str:
        """Its name in SQLite connections that have it attached."""
        return f"db{self.database_id}_{self.file[:8]}"


class Databases:
    """The list of databases in the data folder."""

    def __init__(self, data: Path, control: Control) -> None:
        self.data = data
        self._control = control
        self._lock = threading.Lock()
        self._list = data / "databases.json"
        self._all: dict[str, Database] = {}
        if self._list.exists():
            entries = json.loads(self._list.read_text())
            self._all = {entry["name"].lower(): Database(**entry) for entry in entries}
        for name in SYSTEM:
            if name not in self._all:
                self.create(name)

    def all(self) -> list[Database]:
        """All databases in the order of their numbers."""
        return sorted(self._all.values(), key=lambda database: database.database_id)

    def find(self, name: str) -> Database | None:
        """The database of that name, whatever its state."""
        return self._all.get(name.lower())

    def state(self, database: Database) -> str | None:
        """What keeps it from being opened, as the control file says."""
        return self._control.database_state(database.name)

    def open(self, name: str) -> Database:
        """The database of that name if it can be opened."""
        database = self.find(name)
        if database is None:
            raise errors.no_database(name)
        state = self.state(database)
        if state:
            raise errors.unavailable(state, database.name)
        return database

    def create(self, name: str) -> Database:
        """Make a database, or raise 1801."""
        with self._lock:
            if name.lower() in self._all:
                text = f"Database '{name}' already exists. Choose a different database name."
                raise SqlError(1801, text, state=3, aborts=True)
            moment = temporal.now()
            taken = {database.database_id for database in self._all.values()}
            number = next(number for number in range(1, len(taken) + 2) if number not in taken)
            stamp = f"{moment.instant // 10_000 & 0xFFFFFFFF:08x}"
            file = f"{stamp}-{quote(name, safe='')}.sqlite"
            database = Database(name, number, moment.text("datetime", 3), file)
            connection = sqlite3.connect(self.path(database))
            connection.executescript(_SCHEMA)
            connection.close()
            self._all[name.lower()] = database
            self._save()
            return database

    def drop(self, database: Database) -> None:
        """Forget a database and remove its file."""
        with self._lock:
            self._all.pop(database.name.lower(), None)
            self._save()
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.path(database)}{suffix}").unlink(missing_ok=True)

    def path(self, database: Database) -> Path:
        """Where its file is."""
        return self.data / database.file

    def _save(self) -> None:
        draft = self._list.with_suffix(".new")
        draft.write_text(json.dumps([asdict(database) for database in self._all.values()], indent=1))
        draft.replace(self._list)
