"""The master key that protects the database: found, never guessed, and saved before it is used."""

import base64
import os
from collections.abc import Callable

from entrypoint.base import files, forked, resource_limits, trusted_file
from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode
from entrypoint.octopus.version import Version, parse
from entrypoint.settings import parsers
from entrypoint.settings.paths import INSTANCE, Paths
from entrypoint.structured_log import Logger


# a key that Octopus itself generates has 256 bits since 2024.4 (OctopusDeploy issue 9104), and had 128 before
_LONG_SINCE = parse("2024.4")
_LONG, _SHORT = 32, 16  # bytes
SAVE_SECONDS = 10.0  # for a file server to take it


def find(
    paths: Paths,
    given: str | None,
    *,
    has_schema: bool,
    ask_instance: Callable[[], str | None],
    version: Version,
    log: Logger,
) -> str:
    """Return the master key: `given`, or the one on /masterKey, or the instance's, or a new one for a new database.

    A new one is as long as a server of `version` generates it. `ask_instance` returns the key of an instance that is in
    this container, None if there is none. Raise NodeError (11) if there is none and the database has a schema, (18) if
    a new one can't be saved.
    """
    key = given or _saved(paths.master_key_file)
    if key is None and has_schema:
        key = ask_instance()
        if key is None:
            raise NodeError(
                ExitCode.SETTINGS,
                "The database has a schema already, but there is no master key for it: set MASTER_KEY to the key it "
                f"was made with, or mount the volume that holds {paths.master_key_file}. Nothing was changed.",
            )
    return key or _generate(paths, version, log)


def _saved(path: str) -> str | None:
    contents, problems = files.read([path])
    if problems:
        if problems[path] == files.ABSENT:
            return None
        raise NodeError(ExitCode.SETTINGS, f"The file for the master key, {path}, {problems[path]}.")
    text = "".join(contents[path].decode("ascii", "replace").split())
    try:
        parsers.master_key(text)
    except ValueError as error:
        raise NodeError(ExitCode.SETTINGS, f"{path} holds no master key: {error}") from error
    return text


def _generate(paths: Paths, version: Version, log: Logger) -> str:
    length = _LONG if _LONG_SINCE is not None and version >= _LONG_SINCE else _SHORT
    key = base64.b64encode(os.urandom(length)).decode()
    path = paths.master_key_file
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        server = " ".join(paths.server_command() or [])
        log.warning(
            "A master key was generated for the new database. Without it the database's secrets are lost: save what "
            f"`{server} show-master-key --console --instance={INSTANCE}` prints, or mount a volume on {folder}."
        )
        return key
    problem = _problem_of_saving(path, key)
    if problem:
        raise NodeError(
            ExitCode.NOT_WRITABLE,
            f"The new master key can't be saved in {path}: {problem}. Mount a volume on {folder} that user "
            f"{os.getuid()}:{os.getgid()} may write to. The database was not created.",
        )
    log.info("A master key was generated for the new database.", saved=path)
    return key


def _problem_of_saving(path: str, key: str) -> str:
    """Save the key, in a process of its own as a file server may hang; return in words why it can't be, if it can't."""

    def save(path: str) -> bytes:
        try:
            _save(path, key)
        except OSError as error:
            return resource_limits.reason(error).encode()
        return b""

    try:
        answer = forked.run(save, [path], SAVE_SECONDS)[path]
    except OSError as error:
        return resource_limits.reason(error)
    return f"no answer within {SAVE_SECONDS:g} s (a file server that hangs?)" if answer is None else answer.decode()


def _save(path: str, key: str) -> None:
    temporary = f"{path}.{os.urandom(8).hex()}"
    trusted_file.write_new(temporary, f"{key}\n".encode())
    os.rename(temporary, path)
    folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_CLOEXEC)
    try:
        trusted_file.sync(folder)
    finally:
        os.close(folder)
