"""sp_getapplock and sp_releaseapplock."""

from __future__ import annotations

from .asking import app_key
from .errors import SqlError
from .locks import MODES


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from .session import Session
    from .wire import Value

INVALID = -999


def _words(values: Mapping[str, Value], procedure: str) -> tuple[str, str, str]:
    """The resource, the owner and the principal."""
    if "resource" not in values:
        text = f"Procedure or function '{procedure}' expects parameter '@Resource', which was not supplied."
        raise SqlError(201, text, state=10)
    owner = str(values.get("lockowner") or "Transaction").capitalize()
    return str(values["resource"] or ""), owner, str(values.get("dbprincipal") or "public")


def _valid(session: Session, resource: str, owner: str, principal: str) -> bool:
    if owner == "Transaction" and not session.transaction.depth:
        return False
    return bool(resource) and owner in ("Session", "Transaction") and principal.lower() in ("public", "dbo", "db_owner")


def get(session: Session, values: Mapping[str, Value]) -> int:
    """Get a lock: 0 at once, 1 after waiting, -1 too late, -3 deadlock, -999 wrongly asked."""
    resource, owner, principal = _words(values, "sp_getapplock")
    if values.get("lockmode") is None:
        text = "Procedure or function 'sp_getapplock' expects parameter '@LockMode', which was not supplied."
        raise SqlError(201, text, state=10)
    mode = next((mode for mode in MODES if mode.lower() == str(values["lockmode"]).lower()), None)
    if mode is None or not _valid(session, resource, owner, principal):
        return INVALID
    given = values.get("locktimeout")
    timeout = session.options.lock_timeout if given is None else int(given)
    seconds = None if timeout < 0 else timeout / 1000
    return session.server.locks.acquire(session, app_key(session, resource), mode, seconds, owner)


def release(session: Session, values: Mapping[str, Value]) -> int:
    """Give a lock back once."""
    resource, owner, principal = _words(values, "sp_releaseapplock")
    if not _valid(session, resource, owner, principal):
        return INVALID
    if not session.server.locks.release(session, app_key(session, resource), owner):
        text = (
            f"Cannot release the application lock (Database Principal: '{principal}', Resource: '{resource}') "
            "because it is not currently held."
        )
        raise SqlError(1223, text)
    return 0
