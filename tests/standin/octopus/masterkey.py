"""The master key: its form, and the fingerprint by which a database knows its own."""

import base64
import binascii
import json
import secrets

import pyodbc

from . import sql
from .failures import ControlledFailureError
from .users import digest


KEY_BYTES = 16
VALID_BYTES = (16, 32)  # 128 bit, and 256 bit since 2024.4: OctopusDeploy/Issues 9104
_KEPT = "SELECT JSON FROM Configuration WHERE Id = 'masterkey'"


def drawn() -> str:
    """A new master key."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def checked(key: str) -> str:
    """Refuse a master key that isn't 16 or 32 bytes in base64."""
    try:
        size = len(base64.b64decode(key, validate=True))
    except binascii.Error:
        size = 0
    if size not in VALID_BYTES:
        raise ControlledFailureError("The master key must be a base64 encoded string of 16 bytes or 32 bytes.")
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
        raise ControlledFailureError(
            "The master key is not the one this database was encrypted with: cannot decrypt the data in the "
            "database. Check the master key that was supplied."
        )
