"""database and database-upgrade-status."""

from standin.octopus import instances, masterkey, migration, schema, sql, switches
from standin.octopus.failures import ControlledFailureError
from standin.octopus.instances import Instance
from standin.octopus.log import say
from standin.octopus.options import Options
from standin.octopus.schema import State
from standin.octopus.sql import Database


def database(options: Options) -> int:
    """Remember, create, upgrade or delete the database."""
    instance = instances.chosen(options)
    if options.get("connectionString"):
        instance.set(instances.CONNECTION_STRING, options.get("connectionString"))
    target = of(instance)
    if options.has("delete"):
        target.drop()
        say(f"Deleted the database {target.name}")
        return 0
    present = _create_if_asked(options, target)
    key = _master_key(options, instance, target, present)
    instance.set(instances.MASTER_KEY, key)
    if present is State.ABSENT:
        _bring_up(options, instance, target)
    elif options.has("upgrade"):
        done = upgraded(instance, target, skip_license=options.has("skipLicenseCheck"))
        say("Upgrading the database schema" if done else "The database is already up to date")
    instance.save()
    if options.has("grant"):
        say(f"Granted db_owner to {options.get('grant')}")
    say("The database has been configured.")
    return int(switches.number("create_exit")) if options.has("create") and present is not State.ABSENT else 0


def database_upgrade_status(options: Options) -> int:
    """Say whether a start would change the schema."""
    if options.get("connectionString"):
        target = Database(options.get("connectionString"))
    else:
        target = of(instances.chosen(options))
    found = _state(options, target)
    current = found is State.CURRENT
    print("The database is up to date." if current else "The database requires an upgrade.")
    return 0 if current else int(switches.number("upgrade_status_exit"))


def of(instance: Instance) -> Database:
    """The database an instance uses."""
    connection_string = instance.get(instances.CONNECTION_STRING)
    if not connection_string:
        raise ControlledFailureError(
            "No database connection string has been configured. Use 'database --connectionString' first."
        )
    return Database(connection_string)


def upgraded(instance: Instance, target: Database, *, skip_license: bool = False) -> bool:
    """Bring the schema to this version; return whether it wasn't."""
    key = instance.get(instances.MASTER_KEY)
    done = migration.migrate(target, instance.node_name, key, skip_license=skip_license)
    with target.connection() as connection:
        # Somebody else may have created the schema meanwhile, with a key of their own.
        masterkey.require_same(connection, key)
    return done


def _create_if_asked(options: Options, target: Database) -> State:
    """Create the database if it has to be, and say what is in it."""
    if target.exists():
        found = _state(options, target)
        if options.has("create") and found is not State.ABSENT:
            say(f"The database '{target.name}' already exists; it will not be created or changed.")
        return found
    if not options.has("create"):
        raise ControlledFailureError(
            f"The database '{target.name}' on '{target.server}' does not exist. Use --create to create it."
        )
    say(f"Creating database: {target.name}")
    target.create()
    return State.ABSENT


def _bring_up(options: Options, instance: Instance, target: Database) -> None:
    """Bring an empty database to this version, if asked for."""
    if options.has("create") or options.has("upgrade"):
        # The key is saved before anything is encrypted with it.
        instance.save()
        upgraded(instance, target)


def _master_key(options: Options, instance: Instance, target: Database, present: State) -> str:
    """The key given, the key kept, or one drawn for a new database; never another one for an old database."""
    key = (
        masterkey.checked(options.get("masterKey")) if options.has("masterKey") else instance.get(instances.MASTER_KEY)
    )
    if present is State.ABSENT:
        return key or masterkey.drawn()
    if not key:
        raise ControlledFailureError(
            f"The database '{target.name}' already exists, so the master key it was created with must be "
            f"supplied with --masterKey."
        )
    with target.connection() as connection:
        masterkey.require_same(connection, key)
    return key


def _state(options: Options, target: Database) -> State:
    """What is in the database; a newer schema is refused."""
    with target.connection() as connection:
        if sql.has_table(connection, "SchemaVersions") and not options.has("skipDatabaseCompatibilityCheck"):
            schema.require_compatible(connection)
        return schema.state(connection)
