"""configure, path, admin, license: verbs that write into a database of this version."""

import base64
import binascii
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyodbc

from standin.octopus import instances, schema, sql, switches, users
from standin.octopus.failures import ControlledFailureError
from standin.octopus.instances import Instance
from standin.octopus.log import say
from standin.octopus.options import Options

from . import database


IN_FILE = {
    "home": instances.HOME,
    "servernodename": instances.NODE_NAME,
    "weblistenprefixes": instances.LISTEN_PREFIXES,
    "commslistenport": instances.COMMS_PORT,
    "grpclistenport": "Octopus.Communications.GrpcPort",
    "webforcessl": instances.FORCE_SSL,
    "cachepackages": "Octopus.Server.CachePackages",
}
_SELECTORS = {"instance", "config", "console", "noninteractive", "help", "skiplicensecheck"}
_SELECTORS |= {"skipdatabasecompatibilitycheck", "skipdatabaseschemaupgradecheck"}


def configure(options: Options) -> int:
    """Set what is of this node in its file, and what is of all nodes in the database."""
    instance = instances.chosen(options)
    shared = {}
    for name, value in options.items():
        if name in IN_FILE:
            instance.set(IN_FILE[name], value)
            say(f"{IN_FILE[name]} set to: {value}")
        elif name not in _SELECTORS:
            shared[name] = value
    with ready_database(options, instance) as connection:
        keep(connection, "settings", shared)
    instance.save()
    return 0


def path(options: Options) -> int:
    """Set the shared folders, in the database; the cache is this node's own, in its configuration file."""
    instance = instances.chosen(options)
    given = {name: value for name, value in options.items() if name not in _SELECTORS}
    cache = given.pop("cachedirectory", "")
    if cache:
        instance.set(instances.CACHE, cache)
    with ready_database(options, instance) as connection:
        keep(connection, "folders", given)
    instance.save()
    for name, value in given.items():
        say(f"{name} directory set to: {value}")
    return 0


def admin(options: Options) -> int:
    """Create an administrator, or reset the password of the one there is."""
    name = options.get("username")
    if not name:
        raise ControlledFailureError("Please specify a username with --username.")
    account = users.Account(name, options.get("email"), options.get("password"), options.get("apiKey"))
    with ready_database(options, instances.chosen(options)) as connection:
        done = users.save(connection, account)
    say(f"The administrator {name} has been {done}.")
    return 0


def license_(options: Options) -> int:
    """Replace the licence; works with a schema that isn't upgraded yet."""
    text = _free_license() if options.has("free") else _license_text(options)
    instance = instances.chosen(options)
    with database.of(instance).connection() as connection:
        _require_compatible(options, connection)
        users.save_license(connection, text)
    say("The license key has been updated.")
    return 0


@contextmanager
def ready_database(options: Options, instance: Instance) -> Iterator[pyodbc.Connection]:
    """A connection to the instance's database, which is of this version."""
    with database.of(instance).connection() as connection:
        _require_compatible(options, connection)
        if not options.has("skipDatabaseSchemaUpgradeCheck"):
            schema.require_current(connection)
        yield connection


def _require_compatible(options: Options, connection: pyodbc.Connection) -> None:
    if not sql.has_table(connection, "SchemaVersions"):
        raise ControlledFailureError("The database has no schema yet. Use 'database --create' first.")
    if not options.has("skipDatabaseCompatibilityCheck"):
        schema.require_compatible(connection)


def _free_license() -> str:
    """The licence of the free tier, which the real one fetches or not."""
    if switches.value("license_free") == "fails":
        raise ControlledFailureError("A free license could not be created.")
    return "<License><LicenseKind>Free</LicenseKind></License>"


def _license_text(options: Options) -> str:
    """The licence's XML."""
    if options.has("licenseFile"):
        return Path(options.get("licenseFile")).read_text()
    try:
        text = base64.b64decode(options.get("licenseBase64"), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        text = ""
    if not text.strip().startswith("<"):
        raise ControlledFailureError("The license key is not valid: it must be the license's XML in base64.")
    return text


def keep(connection: pyodbc.Connection, key: str, given: dict[str, str]) -> None:
    """Add settings to those the database has."""
    if not given:
        return
    statement = "SELECT JSON FROM Configuration WHERE Id = ?"
    kept = sql.text(connection, statement, key)
    text = json.dumps(json.loads(kept or "{}") | given)
    if kept is None:
        connection.execute("INSERT INTO Configuration (Id, JSON) VALUES (?, ?)", key, text)
    else:
        connection.execute("UPDATE Configuration SET JSON = ? WHERE Id = ?", text, key)
