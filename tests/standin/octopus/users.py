"""Users, their API keys, and the licence."""

import hashlib
import json
import secrets
from dataclasses import dataclass

import pyodbc

from . import control, sql, switches


@dataclass(frozen=True)
class Account:
    """What the `admin` command was told about a user."""

    name: str
    email: str
    password: str
    api_key: str


LOGIN_PROVIDER = "usernamepasswordisenabled"
_SETTINGS = "SELECT JSON FROM Configuration WHERE Id = 'settings'"


def prepare(connection: pyodbc.Connection) -> None:
    """Put into a new database what it has of users: the login provider on or off, and somebody or nobody."""
    enabled = {LOGIN_PROVIDER: "True" if switches.value("login_provider") == "on" else "False"}
    connection.execute("INSERT INTO Configuration (Id, JSON) VALUES ('settings', ?)", json.dumps(enabled))
    if switches.value("fresh_users") == "guest" and sql.has_table(connection, "User"):
        _create(connection, Account("guest", "", "", ""))


def can_log_in(connection: pyodbc.Connection) -> bool:
    """Whether people can log in with user name and password."""
    settings = json.loads(sql.text(connection, _SETTINGS) or "{}")
    return str(settings.get(LOGIN_PROVIDER)).lower() == "true"


def save(connection: pyodbc.Connection, account: Account) -> str:
    """Create a user or reset the one of that name; return what was done."""
    if not sql.has_table(connection, "User"):
        done = "created"
    elif sql.number(connection, "SELECT COUNT(*) FROM [User] WHERE Username = ?", account.name):
        _reset(connection, account)
        done = "updated"
    else:
        _create(connection, account)
        done = "created"
    if account.api_key:
        _keep_key(connection, account)
    return done


def rights(connection: pyodbc.Connection, api_key: str) -> str:
    """What an API key allows: "admin", "read" or nothing."""
    readonly = control.environment("READONLY_KEY")
    if readonly and api_key == readonly:
        return "read"
    found = sql.rows(connection, "SELECT IsAdmin FROM ApiKey WHERE KeyHash = ?", digest(api_key))
    if not found:
        return ""
    return "admin" if found[0][0] else "read"


def password_matches(connection: pyodbc.Connection, name: str, password: str) -> bool:
    """Whether this is the user's password, for tests of `admin`."""
    kept = json.loads(sql.text(connection, "SELECT JSON FROM [User] WHERE Username = ?", name) or "{}")
    salt, _, hashed = kept.get("PasswordHash", "").partition("$")
    return bool(salt) and hashed == digest(salt + password)


def digest(text: str) -> str:
    """A hash of a secret; nothing here is cryptography."""
    return hashlib.sha256(text.encode()).hexdigest()


def save_license(connection: pyodbc.Connection, text: str) -> None:
    """Replace the licence."""
    connection.execute("DELETE FROM License")
    connection.execute(
        "INSERT INTO License (Id, JSON) VALUES ('licenses-current', ?)", json.dumps({"LicenseText": text})
    )


def has_license(connection: pyodbc.Connection) -> bool:
    """Whether there is a licence."""
    return sql.has_table(connection, "License") and sql.number(connection, "SELECT COUNT(*) FROM License") > 0


def _create(connection: pyodbc.Connection, account: Account) -> None:
    serial = sql.number(connection, "SELECT COUNT(*) FROM [User]") + 1
    connection.execute(
        "INSERT INTO [User] (Id, Username, EmailAddress, DisplayName, IsService, IsActive, JSON) "
        "VALUES (?, ?, ?, ?, ?, 1, ?)",
        f"Users-{serial}",
        account.name,
        account.email,
        account.name,
        int(_is_service(account)),
        _json(account),
    )


def _reset(connection: pyodbc.Connection, account: Account) -> None:
    """Reset a user's password; without one nothing but the e-mail address changes."""
    statement = "UPDATE [User] SET JSON = ?, IsActive = 1, IsService = 0 WHERE Username = ?"
    if account.password:
        connection.execute(statement, _json(account), account.name)
    if account.email:
        statement = "UPDATE [User] SET EmailAddress = ? WHERE Username = ?"
        connection.execute(statement, account.email, account.name)


def _keep_key(connection: pyodbc.Connection, account: Account) -> None:
    hashed = digest(account.api_key)
    connection.execute("DELETE FROM ApiKey WHERE KeyHash = ?", hashed)
    connection.execute(
        "INSERT INTO ApiKey (Id, UserId, KeyHash, IsAdmin) VALUES (?, ?, ?, 1)",
        f"apikeys-{secrets.token_hex(8)}",
        account.name,
        hashed,
    )


def _is_service(account: Account) -> bool:
    return bool(account.api_key) and not account.password


def _json(account: Account) -> str:
    if not account.password:
        return "{}"
    salt = secrets.token_hex(4)
    return json.dumps({"PasswordHash": f"{salt}${digest(salt + account.password)}"})
