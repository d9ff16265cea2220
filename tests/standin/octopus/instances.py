"""The files of a node: the registry of instances, the machine key and the configuration file."""

import base64
import hashlib
import hmac
import json
import os
import secrets
import socket
import xml.etree.ElementTree as ET
from pathlib import Path

from . import control, log
from .failures import ControlledFailureError
from .options import Options


CONNECTION_STRING = "Octopus.Storage.ExternalDatabaseConnectionString"
MASTER_KEY = "Octopus.Storage.MasterKey"
NODE_NAME = "Octopus.Server.NodeName"
HOME = "Octopus.Home"
LISTEN_PREFIXES = "Octopus.WebPortal.ListenPrefixes"
COMMS_PORT = "Octopus.Communications.ServicesPort"
CACHE = "Octopus.Node.Cache"
FORCE_SSL = "Octopus.WebPortal.ForceSsl"
SECRET = {CONNECTION_STRING: "String", MASTER_KEY: "Byte[]"}
DEFAULT_INSTANCE = "OctopusServer"


class Instance:
    """An instance: its name, and the settings in its configuration file."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.path = path
        self._settings = _read(path)

    @property
    def node_name(self) -> str:
        """The name of this node."""
        return self.get(NODE_NAME) or machine_name()

    @property
    def home(self) -> Path:
        """The node's home folder."""
        return Path(self.get(HOME) or self.path.parent)

    def get(self, key: str) -> str:
        """A setting, deciphered if it is a secret."""
        value = self._settings.get(key, "")
        return _decipher(key, value) if value and key in SECRET else value

    def set(self, key: str, value: str) -> None:
        """Change a setting; `save` keeps it."""
        self._settings[key] = _encipher(value) if key in SECRET else value

    def everything(self) -> dict[str, str]:
        """All settings, secrets as they are in the file."""
        return dict(self._settings)

    def save(self) -> None:
        """Write the configuration file, and replace the old one in one step."""
        root = ET.Element("octopus-settings")
        for key, value in sorted(self._settings.items()):
            ET.SubElement(root, "set", key=key).text = value
        ET.indent(root)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        temporary.write_bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")
        temporary.replace(self.path)


def machine_name() -> str:
    """This machine's name as .NET's Environment.MachineName has it: the host name up to its first dot."""
    return socket.gethostname().partition(".")[0]


def root() -> Path:
    """The folder that stands for / in every path that isn't given in an option."""
    return Path(control.environment("ROOT", "/"))


def default_config() -> Path:
    """Where the configuration file is when no option says so."""
    named = os.environ.get("OCTOPUS_SERVER_CONFIGURATION_DIRECTORY", "")
    folder = Path(named) if named else root() / "home/octopus/.octopus/OctopusServer/Server"
    return folder / "Server.config"


def create(options: Options) -> Instance:
    """Register an instance; its configuration file is kept if it is already there."""
    name = options.get("instance", DEFAULT_INSTANCE)
    config = Path(options.get("config") or default_config()).absolute()
    instance = Instance(name, config)
    home = options.get("home") or instance.get(HOME) or str(config.parent)
    instance.set(HOME, home)
    instance.set(NODE_NAME, options.get("serverNodeName") or instance.node_name)
    instance.save()
    entry = _registry() / f"{name.lower().replace(' ', '-')}.config"
    entry.parent.mkdir(parents=True, exist_ok=True)
    entry.write_text(json.dumps({"Name": name, "ConfigurationFilePath": str(config)}))
    return instance


def registered() -> dict[str, Path]:
    """All registered instances with their configuration files."""
    entries = [json.loads(path.read_text()) for path in sorted(_registry().glob("*.config"))]
    return {entry["Name"]: Path(entry["ConfigurationFilePath"]) for entry in entries}


def chosen(options: Options) -> Instance:
    """The instance a command is about; its log is kept from here on."""
    config = options.get("config")
    if config:
        name, path = options.get("instance", DEFAULT_INSTANCE), Path(config)
    else:
        name, path = _by_name(options.get("instance", DEFAULT_INSTANCE))
    if not path.is_file():
        raise ControlledFailureError(f"The configuration file '{path}' of instance {name} does not exist.")
    instance = Instance(name, path)
    log.keep_in(instance.home)
    return instance


def _by_name(name: str) -> tuple[str, Path]:
    """The registry's entry for a name."""
    for known, path in registered().items():
        if known.lower() == name.lower():
            return known, path
    available = ", ".join(registered()) or "(none)"
    raise ControlledFailureError(
        f"Instance {name} of OctopusServer has not been configured on this machine. Available instances: {available}."
    )


def _registry() -> Path:
    return root() / "etc/octopus/OctopusServer/Instances"


def _read(path: Path) -> dict[str, str]:
    """The settings in a configuration file; none if there is no file."""
    if not path.is_file():
        return {}
    document = ET.fromstring(path.read_bytes())  # noqa: S314 - our own file
    return {element.attrib["key"]: element.text or "" for element in document.iter("set")}


def _machine_key() -> bytes:
    """The machine key, drawn at its first use."""
    path = root() / "etc/octopus/machinekey"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        parts = (base64.b64encode(secrets.token_bytes(size)).decode() for size in (32, 16))
        path.write_text(".".join(parts))
        path.chmod(0o600)
    return path.read_bytes().strip()


def _encipher(value: str) -> str:
    """Hide a value with the machine key: a toy, but bound to that key."""
    salt = secrets.token_bytes(8)
    return base64.b64encode(salt + _tag(salt, value.encode()) + _masked(salt, value.encode())).decode()


def _decipher(key: str, hidden: str) -> str:
    """Undo `_encipher`, or fail as the real one does with a configuration file of another machine."""
    raw = base64.b64decode(hidden)
    salt, tag = raw[:8], raw[8:24]
    value = _masked(salt, raw[24:])
    if not hmac.compare_digest(tag, _tag(salt, value)):
        raise ValueError(f"Unable to parse configuration key '{key}' as a '{SECRET[key]}'. Value was '{hidden}'.")
    return value.decode()


def _tag(salt: bytes, value: bytes) -> bytes:
    return hmac.digest(_machine_key(), salt + value, "sha256")[:16]


def _masked(salt: bytes, value: bytes) -> bytes:
    stream = hashlib.shake_256(_machine_key() + salt).digest(len(value))
    return bytes(left ^ right for left, right in zip(value, stream, strict=True))
