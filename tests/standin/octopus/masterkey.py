"""The master key: its form, and the fingerprint by which a database knows its own."""

import base64
import binascii
import json
import secrets

import pyodbc

from . import sql, switches
from .failures import ControlledFailureError
from .users import digest


OLD_BYTES = 16
_KEPT = "SELECT JSON FROM Configuration WHERE Id = 'masterkey'"


class CryptographicError(Exception):
    """What can't be decrypted: an unhandled exception of the real one."""


def drawn() -> str:
    """A new master key."""
    return base64.b64encode(secrets.token_bytes(int(switches.number("master_key_bytes")))).decode()


def checked(key: str) -> str:
    """Refuse a master key that isn't 16 bytes in base64, or as many as this version draws."""
    try:
        size = len(base64.b64decode(key, validate=True))
    except binascii.Error:
        size = 0
    sizes = sorted({OLD_BYTES, int(switches.number("master_key_bytes"))})
    if size not in sizes:
        wanted = " or ".join(f"{known} bytes ({known * 8} bits)" for known in sizes)
        raise ControlledFailureError(f"The master key must be a base64 encoded string of {wanted}.")
    return key


def keep_fingerprint(connection: pyodbc.Connection, key: str) -> None:
    """Remember in the database which key it was made with."""
    if sql.text(connection, _KEPT) is None:
        text = json.dumps({"Fingerprint": digest(key)})
        connection.execute("INSERT INTO Configuration (Id, JSON) VALUES ('masterkey', ?)", text)


def require_same(connection: pyodbc.Connection, key: str) -> None:
    """Refuse a master key other than the one the database was made with."""
    kept = json.loads(sql.text(connection, _KEPT) or "{}")
    if kept and kept["Fingerprint"] != digest(key):
        message = (
            "The master key is not the one this database was encrypted with: cannot decrypt the data in the "
            "database. Check the master key that was supplied."
        )
        raise (
            CryptographicError(message) if switches.number("wrong_key_exit") == 100 else ControlledFailureError(message)
        )
