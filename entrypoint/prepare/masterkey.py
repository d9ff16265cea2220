"""The key that protects the database's secrets: found, never guessed, and saved before it is used."""

import base64
import os
from collections.abc import Callable, Mapping

from entrypoint import kinds, paths, variables
from entrypoint.errors import NodeError
from entrypoint.exitcodes import ExitCode
from entrypoint.octopus.version import Version, parse
from entrypoint.structured import Logger


# a key that Octopus itself draws has 256 bits since 2024.4 (OctopusDeploy issue 9104), and had 128 before
_LONG_SINCE = parse("2024.4")
_LONG, _SHORT = 32, 16  # bytes


def find(
    environ: Mapping[str, str],
    given: str | None,
    *,
    has_schema: bool,
    ask_instance: Callable[[], str | None],
    version: Version,
    log: Logger,
) -> str:
    """Return the master key: `given`, or the one on /masterKey, or the instance's, or a new one for a new database.

    A new one is as long as a server of `version` draws it. `ask_instance` returns the key of an instance configured in
    this container, None if there is none. Raise NodeError (11) if there is none and the database has a schema, (18) if
    a new one can't be saved.
    """
    key = given or _saved(environ)
    if key is None and has_schema:
        key = ask_instance()
        if key is None:
            raise NodeError(
                ExitCode.SETTINGS,
                "The database has a schema already, but there is no master key for it: set MASTER_KEY to the key it "
                f"was made with, or mount the volume that holds {paths.master_key_file(environ)}. Nothing was changed.",
            )
    return key or _draw(environ, version, log)


def _saved(environ: Mapping[str, str]) -> str | None:
    path = paths.master_key_file(environ)
    try:
        with open(path, encoding="ascii") as file:
            text = "".join(file.read().split())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it isn't text"
        raise NodeError(ExitCode.SETTINGS, f"The master key in {path} can't be read: {reason}.") from error
    try:
        kinds.parse(variables.BY_NAME["MASTER_KEY"], text)
    except ValueError as error:
        raise NodeError(ExitCode.SETTINGS, f"{path} holds no master key: {error}") from error
    return text


def _draw(environ: Mapping[str, str], version: Version, log: Logger) -> str:
    length = _LONG if _LONG_SINCE is not None and version >= _LONG_SINCE else _SHORT
    key = base64.b64encode(os.urandom(length)).decode()
    path = paths.master_key_file(environ)
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        server = " ".join(paths.server_command(environ) or [])
        log.warning(
            "A master key was drawn for the new database. Without it the database's secrets are lost: save what "
            f"`{server} show-master-key --console --instance={paths.INSTANCE}` prints, or mount a volume on {folder}."
        )
        return key
    try:
        _save(path, key)
    except OSError as error:
        raise NodeError(
            ExitCode.NOT_WRITABLE,
            f"The new master key can't be saved in {path}: {error.strerror}. Mount a volume on {folder} that user "
            f"{os.getuid()}:{os.getgid()} may write to. The database was not created.",
        ) from error
    log.info("A master key was drawn for the new database.", saved=path)
    return key


def _save(path: str, key: str) -> None:
    temporary = f"{path}.{os.urandom(8).hex()}"
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(key + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.rename(temporary, path)
    folder = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
