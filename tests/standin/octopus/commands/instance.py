"""create-instance, list-instances, show-configuration, the master key, version: verbs without SQL."""

import json

from standin.octopus import about, instances, switches
from standin.octopus.failures import ControlledFailureError
from standin.octopus.log import say
from standin.octopus.options import Options


def create_instance(options: Options) -> int:
    """Register an instance and write its configuration file."""
    instance = instances.create(options)
    say(f"Setting home directory to: {instance.home}")
    say(f"Saving instance: {instance.name}")
    return 0


def list_instances(options: Options) -> int:
    """Print the registered instances."""
    known = instances.registered()
    if options.get("format").lower() == "json":
        listed = [
            {"InstanceName": name, "ConfigurationFilePath": str(path), "Configured": path.is_file()}
            for name, path in known.items()
        ]
        print(json.dumps(listed, indent=2))
        return 0
    for name, path in known.items():
        print(f"Instance '{name}' uses configuration '{path}'.")
    return 0


def show_configuration(options: Options) -> int:
    """Print the configuration file, secrets as they are in it."""
    instance = instances.chosen(options)
    if options.get("format").lower() in {"json", "json-hierarchical"}:
        print(json.dumps(instance.everything(), indent=2))
    else:
        print(instance.path.read_text())
    return 0


def show_master_key(options: Options) -> int:
    """Print the master key, in one of the shapes that it may have."""
    key = instances.chosen(options).get(instances.MASTER_KEY)
    if not key:
        raise ControlledFailureError("This instance has no master key yet.")
    shape = switches.value("show_master_key")
    if options.get("format").lower() == "json":
        print(json.dumps({"MasterKey": key}))
    elif shape == "banner":
        print(f"Octopus Server version {about.version()}\nThe master key of this instance is:\n{key}")
    else:
        print(key, end="" if shape == "unterminated" else "\n")
    return 0


def set_master_key(options: Options) -> int:
    """Change the master key in the configuration file, and nothing else."""
    instance = instances.chosen(options)
    from standin.octopus.masterkey import checked  # noqa: PLC0415 - only this verb of the file needs pyodbc

    instance.set(instances.MASTER_KEY, checked(options.get("masterKey")))
    instance.save()
    say("The master key has been changed. The server must be restarted.")
    return 0


def show_version(options: Options) -> int:
    """Print the version."""
    print(json.dumps({"Version": about.version()}) if options.get("format").lower() == "json" else about.version())
    return 0
