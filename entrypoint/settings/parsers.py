"""Parsers for the values of variables, one function for each kind.

Each raises ValueError with a finished sentence; a secret's value is never part of it.
"""

import base64
import binascii
import re
from collections.abc import Callable
from xml.etree import ElementTree

from entrypoint.base import listen_address
from entrypoint.dockerd import arguments
from entrypoint.sqlserver import connection_string
from entrypoint.sqlserver.connection_string import ConnectionString, ConnectionStringError

from . import command_overrides, variables
from .environment import SECONDS_DIGITS
from .variables import Variable


KEY_SIZES = (16, 32)  # bytes: 128 bit, and 256 bit since 2024.4 (OctopusDeploy/Issues 9104)
MAX_LICENCE = 100_000  # characters: the kernel takes no argument of more than 128 KiB


def parse(variable: Variable, text: str) -> object:
    """Return the value that `text` (not empty) gives to `variable`. Raise ValueError with a finished sentence."""
    if "|" in variable.kind:
        return _choice(variable.name, text, variable.kind.split("|"))
    return _PARSERS[variable.kind](variable.name, text)


def is_master_key(text: str) -> bool:
    """Return whether `text` can be a master key."""
    try:
        master_key(text)
    except ValueError:
        return False
    return True


def master_key(text: str) -> str:
    """Return `text`. Raise ValueError, with a finished sentence, if it can't be a master key."""
    return _key("MASTER_KEY", text)


def _flag(name: str, text: str) -> bool:
    if not (variables.is_yes(text) or variables.is_no(text)):
        raise ValueError(f"{name} is {text!r}, but it must be Y or N.")
    return variables.is_yes(text)


def _count(name: str, text: str) -> int:
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise ValueError(f"{name} is {text!r}, but it must be a whole number, 0 or more.")
    return int(text)


def _seconds(name: str, text: str) -> float:
    if not re.fullmatch(rf"\d{{1,{SECONDS_DIGITS}}}(\.\d+)?", text, re.ASCII):
        raise ValueError(f"{name} is {text!r}, but it must be a number of seconds, such as 60.")
    return float(text)


def _port(name: str, text: str) -> int:
    if not (re.fullmatch(r"\d{1,5}", text, re.ASCII) and 0 < int(text) <= 65535):
        raise ValueError(f"{name} is {text!r}, but it must be a port, 1 to 65535.")
    return int(text)


def _listen(name: str, text: str) -> tuple[str, int]:
    try:
        return listen_address.parse(text)
    except ValueError:
        raise ValueError(
            f"{name} is {text!r}, but it must be an IP address and a port, such as 0.0.0.0:9464, [::1]:9464, or :9464 "
            "for every address."
        ) from None


def _choice(name: str, text: str, words: list[str]) -> str:
    if text.lower() not in words:
        raise ValueError(f"{name} is {text!r}, but it must be {' or '.join(words)}.")
    return text.lower()


def _path(name: str, text: str) -> str:
    if not text.startswith("/"):
        raise ValueError(f"{name} is {text!r}, but it must be a path from the root, such as /{text}.")
    return text


def _key(name: str, text: str) -> str:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) not in KEY_SIZES:
        raise ValueError(
            f"{name} must be base64 of exactly 16 or 32 bytes, as `openssl rand -base64 32` prints it for a new "
            "database (`-base64 16` before Octopus 2024.4); an existing database needs the key it was made with."
        )
    return text


def _licence(name: str, text: str) -> str:
    sentence = f"{name} must be base64 of the licence's XML: encode the file you got from Octopus with `base64`."
    if len(text) > MAX_LICENCE:
        raise ValueError(f"{name} is longer than {MAX_LICENCE} characters, which no licence is.")
    try:
        root = ElementTree.fromstring(base64.b64decode(text, validate=True))  # noqa: S314 - the operator's own file
    except (binascii.Error, ValueError, LookupError, ElementTree.ParseError) as error:  # an encoding nobody knows
        raise ValueError(sentence) from error
    if not re.search("licen[cs]e", root.tag, re.IGNORECASE):
        raise ValueError(f"{sentence} This is XML, but not a licence.")
    return text


def _api_key(name: str, text: str) -> str:
    if not re.fullmatch(r"API-[A-Za-z0-9-]+", text):
        raise ValueError(f"{name} must be of the form API-..., as Octopus shows its API keys.")
    return text


def _connection(name: str, text: str) -> ConnectionString:
    try:
        return connection_string.parse(text)
    except ConnectionStringError as error:
        raise ValueError(f"{name} can't be used: {' '.join(error.sentences)}") from None


def _secret_names(name: str, text: str) -> str:
    unknown = [word for word in text.replace(",", " ").split() if word not in variables.SECRETS]
    if unknown:
        known = ", ".join(sorted(variables.SECRETS))
        raise ValueError(f"{name} names {', '.join(unknown)}, but the secret variables are: {known}.")
    return text


def _read_by(read: Callable[[str], object]) -> Callable[[str, str], object]:
    """Return the parser that `read` is, if its ValueErrors are to follow the variable's name."""

    def parsed(name: str, text: str) -> object:
        try:
            return read(text)
        except ValueError as error:
            raise ValueError(f"{name} {error}") from None

    return parsed


_PARSERS: dict[str, Callable[[str, str], object]] = {
    "apikey": _api_key,
    "connection": _connection,
    "count": _count,
    "dockerd": _read_by(arguments.parse),
    "flag": _flag,
    "key": _key,
    "licence": _licence,
    "listen": _listen,
    "options": _read_by(command_overrides.options),
    "path": _path,
    "port": _port,
    "seconds": _seconds,
    "secrets": _secret_names,
    "text": lambda _, text: text,
    "verbs": _read_by(command_overrides.verbs),
}
