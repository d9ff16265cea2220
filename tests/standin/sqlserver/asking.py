"""T-SQL's functions that ask about the server's objects, databases, rights and locks."""

from __future__ import annotations

from typing import Any

from . import catalog, errors, temporal
from .databases import COLLATION
from .lexer import Cursor, tokenize
from .storage import inner_name


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .session import Session
    from .wire import Value


def functions(session: Session) -> dict[str, Callable[..., Value]]:
    """The functions by the names that SQLite calls them by."""
    asked = _Asked(session)
    return {
        "s_object_id": asked.object_id,
        "s_object_name": asked.object_name,
        "s_col_length": asked.column_length,
        "s_db_id": asked.database_id,
        "s_db_name": asked.database_name,
        "s_schema_id": lambda name="dbo": {"dbo": 1, "guest": 2, "sys": 4}.get(str(name).lower()),
        "s_schema_name": lambda number=1: {1: "dbo", 2: "guest", 4: "sys"}.get(number),
        "s_has_dbaccess": asked.has_access,
        "s_databasepropertyex": asked.database_property,
        "s_is_role": asked.is_role,
        "s_has_perms": asked.has_permission,
        "s_suser_id": lambda *_: 1,
        "s_type_name": lambda number: next((k for k, v in catalog.TYPE_IDS.items() if v == number), None),
        "s_clock": _clock,
        "s_applock_mode": asked.lock_mode,
        "s_applock_test": asked.lock_test,
    }


def _clock(length: Value) -> Value:
    """The present for a column's default: 34 characters are a datetimeoffset, fewer a datetime2."""
    return temporal.now().text("datetimeoffset" if length == 34 else "datetime2")


class _Asked:
    def __init__(self, session: Session) -> None:
        self.session = session

    def object_id(self, name: Value, kind: Value = None) -> Value:
        """OBJECT_ID."""
        if name is None:
            return None
        parts = Cursor(tokenize(str(name))).path()
        if parts[-1].startswith("#"):
            return -1 if self.session.table(parts) else None
        database = self.session.open(parts[-3]) if len(parts) > 2 and parts[-3] else self.session.database
        inner = inner_name(parts).lower()
        for number, known, code, _, _ in self.session.objects(database):
            wanted = kind is None or str(kind).strip().upper() == code
            if known and known.lower() == inner and wanted and code != "IX":
                return int(number)
        return None

    def object_name(self, number: Value, _database: Value = None) -> Value:
        """OBJECT_NAME."""
        found = (row[1] for row in self.session.objects(self.session.database) if row[0] == number)
        return next(found, None)

    def column_length(self, table: Value, column: Value) -> Value:
        """COL_LENGTH."""
        found = self.session.table(Cursor(tokenize(str(table))).path()) if table else None
        for each in found.columns if found else ():
            if each.name.lower() == str(column).lower():
                return catalog.byte_length(each.type)
        return None

    def database_id(self, *name: Value) -> Value:
        """DB_ID."""
        if not name:
            return self.session.database.database_id
        found = self.session.server.databases.find(str(name[0]))
        return found.database_id if found else None

    def database_name(self, *number: Value) -> Value:
        """DB_NAME."""
        if not number:
            return self.session.database.name
        databases = self.session.server.databases.all()
        return next((each.name for each in databases if each.database_id == number[0]), None)

    def has_access(self, name: Value) -> Value:
        """HAS_DBACCESS: null if there is no such database, 0 if it cannot be opened."""
        try:
            self.session.open(str(name))
        except errors.SqlError as error:
            return None if error.number == 911 else 0
        return 1

    def database_property(self, name: Value, what: Value) -> Value:
        """DATABASEPROPERTYEX."""
        databases = self.session.server.databases
        found = databases.find(str(name))
        if found is None:
            return None
        state = databases.state(found)
        values: dict[str, Value] = {
            "status": catalog.STATES.get(state, (0, "ONLINE"))[1],
            "collation": None if state in ("recovering", "offline") else self._keys.get("collation", COLLATION),
            "useraccess": "SINGLE_USER" if state == "single_user" else "MULTI_USER",
            "updateability": "READ_WRITE",
            "recovery": "SIMPLE",
            "version": "957",
        }
        return values.get(str(what).lower())

    @property
    def _keys(self) -> dict[str, Any]:
        return self.session.server.control.keys

    def is_role(self, role: Value, *_: Value) -> Value:
        """IS_ROLEMEMBER and its like: a member of every role, if the control file doesn't say otherwise."""
        return int(self._keys.get("roles", {}).get(str(role).lower(), 1))

    def has_permission(self, _securable: Value, _kind: Value, permission: Value, *_: Value) -> Value:
        """HAS_PERMS_BY_NAME, likewise."""
        return int(self._keys.get("permissions", {}).get(str(permission).upper(), 1))

    def _key(self, resource: Value) -> tuple[str, ...]:
        return app_key(self.session, str(resource))

    def lock_mode(self, _principal: Value, resource: Value, scope: Value = "Session") -> Value:
        """APPLOCK_MODE."""
        return self.session.server.locks.mode(self.session, self._key(resource), str(scope).capitalize())

    def lock_test(self, _principal: Value, resource: Value, mode: Value, _scope: Value = "Session") -> Value:
        """APPLOCK_TEST."""
        return int(self.session.server.locks.free(self.session, self._key(resource), str(mode)))


def app_key(session: Session, resource: str) -> tuple[str, ...]:
    """How an application lock of the session's database is known."""
    return ("app", str(session.database.database_id), resource[:255])
