"""The catalogue views: made when asked for, as a list of values."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .databases import COLLATION
from .errors import SqlError
from .scope import Column, literal, quote
from .sqltypes import BIT, DATETIME, INT, NVARCHAR, SMALLINT, SYSNAME, TINYINT, SqlType
from .sqltypes import parse as parse_type
from .wire import Value


TYPE_CHECKING = False
if TYPE_CHECKING:
    from .databases import Database
    from .session import Session

Row = tuple[Value, ...]
Maker = Callable[["Session", "Database"], Iterator[Row]]
STATES = {None: (0, "ONLINE"), "recovering": (2, "RECOVERING"), "offline": (6, "OFFLINE"), "single_user": (0, "ONLINE")}
TYPE_IDS = {
    "image": 34, "text": 35, "uniqueidentifier": 36, "date": 40, "time": 41, "datetime2": 42, "datetimeoffset": 43,
    "tinyint": 48, "smallint": 52, "int": 56, "smalldatetime": 58, "real": 59, "money": 60, "datetime": 61, "float": 62,
    "bit": 104, "decimal": 106, "numeric": 108, "bigint": 127, "varbinary": 165, "varchar": 167, "binary": 173,
    "char": 175, "nvarchar": 231, "nchar": 239,
}  # fmt: skip
KINDS = {"U": "USER_TABLE", "PK": "PRIMARY_KEY_CONSTRAINT", "UQ": "UNIQUE_CONSTRAINT", "IX": "INDEX"}


def _databases(session: Session, _database: Database) -> Iterator[Row]:
    databases = session.server.databases
    for each in databases.all():
        control = databases.state(each)
        state, words = STATES.get(control, (0, "ONLINE"))
        single = control == "single_user"
        access = (1, "SINGLE_USER") if single else (0, "MULTI_USER")
        yield each.name, each.database_id, each.create_date, state, words, 160, COLLATION, *access, 0, 0, 0, 3, "SIMPLE"


def _objects(session: Session, database: Database) -> Iterator[Row]:
    schemas, numbers = _schema_ids(session, database), _numbers(session, database)
    for number, full, kind, parent, created in session.objects(database):
        if kind in KINDS and kind != "IX":
            parent_id = numbers.get(parent, 0) if kind != "U" else 0
            schema, name = full.split(".", 1) if kind == "U" and "." in full else ("dbo", full)
            words = kind.ljust(2), KINDS[kind]
            yield name, number, schemas[schema], parent_id, *words, created, created, 0


def _numbers(session: Session, database: Database) -> dict[str, int]:
    """The object_id of each object, by its name."""
    return {name: number for number, name, _, _, _ in session.objects(database)}


def _schema_ids(session: Session, database: Database) -> dict[str, int]:
    """The schemas by name; tables of others than `dbo` are kept as `schema.name`."""
    tables = [full for _, full, kind, _, _ in session.objects(database) if kind == "U" and "." in full]
    others = sorted({full.partition(".")[0] for full in tables})
    return {"dbo": 1, "guest": 2, "INFORMATION_SCHEMA": 3, "sys": 4} | dict(zip(others, range(5, 99), strict=False))


def _tables(session: Session, database: Database) -> Iterator[Row]:
    return (row for row in _objects(session, database) if row[4] == "U ")


def byte_length(kind: SqlType) -> int:
    """What sys.columns and COL_LENGTH call a type's length."""
    if kind.family in ("string", "binary"):
        return kind.length * 2 if kind.wide and kind.length > 0 else kind.length
    sizes = {"bit": 1, "tinyint": 1, "smallint": 2, "int": 4, "bigint": 8, "float": 8, "real": 4, "date": 3}
    sizes |= {"uniqueidentifier": 16, "datetimeoffset": 10, "time": 5, "decimal": 9, "numeric": 9}
    return sizes.get(kind.name, 8)


def _columns(session: Session, database: Database) -> Iterator[Row]:
    numbers = _numbers(session, database)
    for table, place, name, spelled, nullable, identity, _ in session.all_columns(database):
        kind = parse_type(str(spelled))
        code = TYPE_IDS.get(kind.name, 231)
        owner = numbers.get(str(table), 0)
        yield owner, name, place, code, code, byte_length(kind), kind.precision, kind.scale, nullable, identity


def _information_columns(session: Session, database: Database) -> Iterator[Row]:
    for table, place, name, spelled, nullable, _, default in session.all_columns(database):
        kind = parse_type(str(spelled))
        length = kind.length if kind.family in ("string", "binary") else None
        words = "YES" if nullable else "NO"
        yield database.name, "dbo", table, name, place, default, words, kind.name, length, kind.precision, kind.scale


def _information_tables(session: Session, database: Database) -> Iterator[Row]:
    for row in _tables(session, database):
        yield database.name, "dbo", row[0], "BASE TABLE"


def _indexes(session: Session, database: Database) -> Iterator[Row]:
    places: dict[int, int] = {}
    numbers = _numbers(session, database)
    for _, name, kind, parent, _ in session.objects(database):
        if kind in ("PK", "UQ", "IX"):
            owner = numbers.get(parent, 0)
            places[owner] = places.get(owner, 0) + 1
            style = (1, "CLUSTERED") if kind == "PK" else (2, "NONCLUSTERED")
            yield owner, name, places[owner], *style, int(kind != "IX"), int(kind == "PK")


def _types(_session: Session, _database: Database) -> Iterator[Row]:
    for name, number in TYPE_IDS.items():
        yield name, number, number, 4


def _locks(session: Session, _database: Database) -> Iterator[Row]:
    for key, owner, mode, status in session.server.locks.listing():
        letters = {"IntentShared": "IS", "IntentExclusive": "IX", "Exclusive": "X"}.get(mode, mode[0])
        kind = "APPLICATION" if key[0] == "app" else "DATABASE"
        words = f"0:[{key[2]}]:(00000000)" if key[0] == "app" else ""
        yield kind, int(key[1]), words, letters, status, getattr(owner, "spid", 0), "SESSION"


def _sessions(session: Session, _database: Database) -> Iterator[Row]:
    for each in session.server.sessions():
        login = each.login
        yield each.spid, login.user, login.host, login.application, each.database.database_id, "sleeping", 1


def _schemas(session: Session, database: Database) -> Iterator[Row]:
    yield from ((name, number, number) for name, number in _schema_ids(session, database).items())


def _principals(session: Session, _database: Database) -> Iterator[Row]:
    yield "public", 0, "R", "DATABASE_ROLE"
    yield "dbo", 1, "S", "SQL_USER"
    yield "db_owner", 16384, "R", "DATABASE_ROLE"
    for place, name in enumerate(session.server.logins, 300):
        yield name, place, "S", "SQL_LOGIN"


_CODE, _NAMED = SqlType("char", 2), SqlType("nvarchar", 60)
_OBJECT = [
    ("name", SYSNAME), ("object_id", INT), ("schema_id", INT), ("parent_object_id", INT), ("type", _CODE),
    ("type_desc", _NAMED), ("create_date", DATETIME), ("modify_date", DATETIME), ("is_ms_shipped", BIT),
]  # fmt: skip
_SESSION = [
    ("session_id", SMALLINT), ("login_name", SYSNAME), ("host_name", SYSNAME), ("program_name", SYSNAME),
    ("database_id", SMALLINT), ("status", _NAMED), ("is_user_process", BIT),
]  # fmt: skip
_DATABASE = [
    ("name", SYSNAME), ("database_id", INT), ("create_date", DATETIME), ("state", TINYINT), ("state_desc", _NAMED),
    ("compatibility_level", TINYINT), ("collation_name", SYSNAME), ("user_access", TINYINT),
    ("user_access_desc", _NAMED), ("is_read_only", BIT), ("is_read_committed_snapshot_on", BIT),
    ("snapshot_isolation_state", TINYINT), ("recovery_model", TINYINT), ("recovery_model_desc", _NAMED),
]  # fmt: skip
_COLUMN = [
    ("object_id", INT), ("name", SYSNAME), ("column_id", INT), ("system_type_id", TINYINT), ("user_type_id", INT),
    ("max_length", SMALLINT), ("precision", TINYINT), ("scale", TINYINT), ("is_nullable", BIT), ("is_identity", BIT),
]  # fmt: skip
_INFORMATION_COLUMN = [
    ("TABLE_CATALOG", SYSNAME), ("TABLE_SCHEMA", SYSNAME), ("TABLE_NAME", SYSNAME), ("COLUMN_NAME", SYSNAME),
    ("ORDINAL_POSITION", INT), ("COLUMN_DEFAULT", NVARCHAR), ("IS_NULLABLE", SqlType("varchar", 3)),
    ("DATA_TYPE", SYSNAME), ("CHARACTER_MAXIMUM_LENGTH", INT), ("NUMERIC_PRECISION", TINYINT),
    ("NUMERIC_SCALE", INT),
]  # fmt: skip
_INFORMATION_TABLE = [
    ("TABLE_CATALOG", SYSNAME), ("TABLE_SCHEMA", SYSNAME), ("TABLE_NAME", SYSNAME), ("TABLE_TYPE", SYSNAME),
]  # fmt: skip
_INDEX = [
    ("object_id", INT), ("name", SYSNAME), ("index_id", INT), ("type", TINYINT), ("type_desc", _NAMED),
    ("is_unique", BIT), ("is_primary_key", BIT),
]  # fmt: skip
_LOCK = [
    ("resource_type", _NAMED), ("resource_database_id", INT), ("resource_description", SqlType("nvarchar", 256)),
    ("request_mode", _NAMED), ("request_status", _NAMED), ("request_session_id", INT), ("request_owner_type", _NAMED),
]  # fmt: skip
_TYPE = [("name", SYSNAME), ("system_type_id", TINYINT), ("user_type_id", INT), ("schema_id", INT)]
_PRINCIPAL = [("name", SYSNAME), ("principal_id", INT), ("type", _CODE), ("type_desc", _NAMED)]

_LOOK = "VIEW SERVER STATE"
VIEWS: dict[tuple[str, str], tuple[list[tuple[str, SqlType]], Maker]] = {
    ("sys", "databases"): (_DATABASE, _databases),
    ("sys", "sysdatabases"): (_DATABASE, _databases),
    ("sys", "objects"): (_OBJECT, _objects),
    ("sys", "sysobjects"): (_OBJECT, _objects),
    ("sys", "all_objects"): (_OBJECT, _objects),
    ("sys", "tables"): (_OBJECT, _tables),
    ("sys", "columns"): (_COLUMN, _columns),
    ("sys", "all_columns"): (_COLUMN, _columns),
    ("sys", "indexes"): (_INDEX, _indexes),
    ("sys", "types"): (_TYPE, _types),
    ("sys", "schemas"): ([("name", SYSNAME), ("schema_id", INT), ("principal_id", INT)], _schemas),
    ("sys", "database_principals"): (_PRINCIPAL, _principals),
    ("sys", "server_principals"): (_PRINCIPAL, _principals),
    ("sys", "dm_tran_locks"): (_LOCK, _locks),
    ("sys", "dm_exec_sessions"): (_SESSION, _sessions),
    ("information_schema", "tables"): (_INFORMATION_TABLE, _information_tables),
    ("information_schema", "columns"): (_INFORMATION_COLUMN, _information_columns),
}


def view(parts: list[str], session: Session) -> tuple[str, list[Column]] | None:
    """The view of that name in SQLite's words, and its columns; None if it is no view."""
    key = (parts[-2].lower() if len(parts) > 1 else "dbo", parts[-1].lower())
    if parts[-1].lower() in ("sysdatabases", "sysobjects"):
        key = ("sys", parts[-1].lower())
    if key not in VIEWS:
        return None
    if key[1] == "dm_tran_locks" and session.server.control.keys.get("permissions", {}).get(_LOOK) == 0:
        raise SqlError(300, f"{_LOOK} permission was denied on object 'server', database 'master'.", level=14)
    columns, maker = VIEWS[key]
    database = session.open(parts[-3]) if len(parts) > 2 and parts[-3] else session.database
    titles = ", ".join(f"column{place} AS {quote(name)}" for place, (name, _) in enumerate(columns, 1))
    rows = ", ".join(f"({', '.join(map(literal, row))})" for row in maker(session, database))
    nothing = f"({', '.join('NULL' for _ in columns)})"
    words = ["(SELECT", titles, "FROM (VALUES", rows or nothing, ")", "" if rows else "WHERE 0", ")"]
    return " ".join(words), [Column(name, kind) for name, kind in columns]
