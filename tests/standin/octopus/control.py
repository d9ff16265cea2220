"""How the stand-in is told to misbehave: STANDIN_OCTOPUS_* and a JSON file that may change while it runs."""

import json
import os
from collections.abc import Mapping
from pathlib import Path


PREFIX = "STANDIN_OCTOPUS_"


def environment(name: str, default: str = "") -> str:
    """The value of STANDIN_OCTOPUS_<name>."""
    return os.environ.get(PREFIX + name, default)


def setting(key: str, default: object = None) -> object:
    """A key of the control file, else the environment variable of that name, else the default."""
    found = _control_file().get(key)
    if found is not None:
        return found
    text = environment(key.upper())
    if not text:
        return default
    try:
        return json.loads(text)
    except ValueError:
        return text


def number(key: str, default: float) -> float:
    """A setting that is a number."""
    return float(str(setting(key, default)))


def flag(key: str) -> bool:
    """A setting that is switched on or off."""
    return is_true(setting(key, "false"))


def is_true(value: object) -> bool:
    """Whether a setting's value means yes."""
    return str(value).lower() in {"true", "1", "y", "yes"}


def listed(key: str) -> list[str]:
    """A setting that is a list of words, or one word."""
    found = setting(key, [])
    return [str(word) for word in found] if isinstance(found, list) else str(found).split(",")


def mapping(key: str) -> Mapping[str, object]:
    """A setting that is a JSON object; anything else is none."""
    found = setting(key, {})
    return found if isinstance(found, dict) else {}


def startup_seconds(verb: str) -> float:
    """How long a verb takes to start, as .NET does."""
    found = setting("startup", 0.05)
    if isinstance(found, dict):
        found = found.get(verb, found.get("*", 0.05))
    return float(str(found))


def spend(name: str, times: int) -> bool:
    """Take one of `times` failures, counted over all processes in a file beside the control file."""
    beside = environment("CONTROL") or environment("JOURNAL")
    if not beside:
        return True
    counter = Path(f"{beside}.{name}.count")
    with counter.open("ab") as file:
        if file.tell() >= times:
            return False
        file.write(b".")
    return True


def _control_file() -> Mapping[str, object]:
    """What the control file says now; nothing if it is absent or half written."""
    path = environment("CONTROL")
    if not path:
        return {}
    try:
        content = json.loads(Path(path).read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
