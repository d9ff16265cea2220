"""Where things are in the official image (its documentation, and `octopus-in-kubernetes` for the folders)."""

import os

from . import variables


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

INSTANCE = "OctopusServer"


def under_root(environ: "Mapping[str, str]", path: str) -> str:
    """Return `path`, an absolute one of the image, below OCTO_NODE_ROOT."""
    return variables.value_or_default("OCTO_NODE_ROOT", environ).rstrip("/") + path


def home(environ: "Mapping[str, str]") -> str:
    """Return the folder of the instance's configuration and logs."""
    given = variables.value_or_default("OCTOPUS_SERVER_CONFIGURATION_DIRECTORY", environ)
    return given or under_root(environ, f"/home/octopus/.octopus/{INSTANCE}/Server")


def config_file(environ: "Mapping[str, str]") -> str:
    """Return the instance's configuration file."""
    return f"{home(environ)}/{INSTANCE}.config"


def log_file(environ: "Mapping[str, str]") -> str:
    """Return Octopus.Server's own log."""
    return f"{home(environ)}/Logs/OctopusServer.txt"


def server_command(environ: "Mapping[str, str]") -> list[str] | None:
    """Return the arguments that start Octopus.Server, without a verb; None if it isn't there.

    Older images have only the assembly, which `dotnet` runs.
    """
    folder = variables.value_or_default("OCTO_NODE_SERVER_DIR", environ)
    executable, assembly = f"{folder}/Octopus.Server", f"{folder}/Octopus.Server.dll"
    if os.path.isfile(executable):
        return [executable]
    return ["dotnet", assembly] if os.path.isfile(assembly) else None


def registry(environ: "Mapping[str, str]") -> str:
    """Return the folder of the instance registry and of the machine key that encrypts configuration files."""
    return under_root(environ, "/etc/octopus")


def master_key_file(environ: "Mapping[str, str]") -> str:
    """Return where the image keeps a master key that was drawn for a new database."""
    return under_root(environ, f"/masterKey/{INSTANCE}")


def docker_socket(environ: "Mapping[str, str]") -> str:
    """Return the socket that the `docker` command asks when it isn't told another."""
    return under_root(environ, "/var/run/docker.sock")


def docker_data(environ: "Mapping[str, str]") -> str:
    """Return where dockerd keeps images and containers when it isn't told another place."""
    return under_root(environ, "/var/lib/docker")


def import_folder(environ: "Mapping[str, str]") -> str:
    """Return where an export to import is mounted."""
    return under_root(environ, "/import")
