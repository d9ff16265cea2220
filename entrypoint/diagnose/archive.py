"""`octo-node diagnose`: one archive, written whole or not at all."""

import io
import os
import sys
import tarfile
import time
from collections.abc import Iterator

from entrypoint.base import files, forked, redact, resource_limits
from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode
from entrypoint.settings.configuration import Configuration
from entrypoint.structured_log import Logger

from .sources import SOURCES, Sources


SECONDS = 45.0  # for everything: what hangs is left out, and the archive says so
MAX_BYTES = 20_000_000  # of all files together, before they are compressed
_STDOUT = "-"


def diagnose(configuration: Configuration, output: str, log: Logger) -> ExitCode:
    """Write the archive to the file `output`, or to stdout for `-`; an empty one names itself.

    Raise NodeError (18) if there is no room for it, (2) if it would go to a terminal.
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    name = f"octo-node-{_file_name(configuration.base.node_name)}-{stamp}"
    path = output or f"{name}.tar.gz"
    if path == _STDOUT and sys.stdout.isatty():
        raise NodeError(ExitCode.USAGE, "The archive isn't for a terminal: `octo-node diagnose --output - > FILE`.")
    log.info(f"This takes up to {SECONDS:g} s.")
    entries = list(_collected(configuration))
    content = _packed(name, entries)
    _write(path, content)
    if path != _STDOUT:
        print(f"{path}: {len(entries)} files, {len(content) / 1024:.0f} KiB. Secrets are masked.")
    return ExitCode.DONE


def _file_name(node: str) -> str:
    return "".join(c if c.isalnum() or c in "-." else "-" for c in node)[:60]


def _collected(configuration: Configuration) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each file, masked, until there are MAX_BYTES."""
    secrets = [*configuration.secrets(), *_saved_key(configuration)]
    try:
        found = forked.Collector().collect(Sources(configuration).collect, SOURCES, SECONDS)
    except OSError as error:
        raise NodeError(
            ExitCode.SETTINGS, f"Nothing can be collected: {resource_limits.reason(error)}. Raise that limit."
        ) from error
    left = MAX_BYTES
    for source, (content, is_whole) in found.items():
        text = redact.mask(content.decode("utf-8", "replace"), secrets)
        if not is_whole:
            text += f"\n[It ends here: it didn't end within {SECONDS:g} s, or is too long.]\n"
        masked = text.encode("utf-8", "backslashreplace")[: max(left, 0)]
        left -= len(masked)
        yield source, masked


def _saved_key(configuration: Configuration) -> list[str]:
    """Return the master key that was drawn for the database: it is in no variable."""
    contents, _ = files.read([configuration.base.paths.master_key_file])
    return redact.forms("".join(content.decode("ascii", "replace").split()) for content in contents.values())


def _packed(name: str, entries: list[tuple[str, bytes]]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for entry, content in entries:
            header = tarfile.TarInfo(f"{name}/{entry}")
            header.size, header.mtime, header.mode = len(content), int(time.time()), 0o600
            archive.addfile(header, io.BytesIO(content))
    return packed.getvalue()


def _write(path: str, content: bytes) -> None:
    """Write the archive. Raise NodeError (18) if that can't be; no file is there then."""
    try:
        if path == _STDOUT:
            sys.stdout.buffer.write(content)
            sys.stdout.buffer.flush()
        else:
            _write_file(path, content)
    except OSError as error:
        raise NodeError(
            ExitCode.NOT_WRITABLE,
            f"The archive, {len(content) / 1024:.0f} KiB, can't be written to {path}: {resource_limits.reason(error)}. "
            "Give another file with --output, or write it elsewhere: `octo-node diagnose --output - > FILE`.",
        ) from error


def _write_file(path: str, content: bytes) -> None:
    temporary = f"{path}.{os.urandom(8).hex()}"
    number = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(number, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(number)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
