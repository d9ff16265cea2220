"""Preflight: everything that can be known to be wrong before anything is started, all at once."""

import os
from collections.abc import Mapping

from entrypoint import files, limits, origins, paths, settings, variables
from entrypoint.errors import NodeError, ProblemsError
from entrypoint.exitcodes import ExitCode
from entrypoint.octopus import commandline
from entrypoint.sqlserver import trust
from entrypoint.structured import Logger

from . import docker_in_docker, folders


def preflight(environ: Mapping[str, str], log: Logger) -> None:
    """Check settings, files and folders. Raise NodeError or ProblemsError with everything that is wrong."""
    for warning in warnings(environ) if settings.is_eula_accepted(environ) else ():
        log.warning(origins.told(warning, environ))
    found = problems(environ)
    if found:
        raise ProblemsError(found)


def warnings(environ: Mapping[str, str]) -> list[str]:
    """Return a sentence for each thing that is probably not meant, or has consequences that are easily missed."""
    return [
        *settings.warnings(environ),
        *_skipped(environ),
        *_authorities(environ),
        *docker_in_docker.warnings(environ),
    ]


def _skipped(environ: Mapping[str, str]) -> list[str]:
    verbs = variables.value_or_default("OCTO_NODE_SKIP_COMMANDS", environ)
    return [f"OCTO_NODE_SKIP_COMMANDS leaves out {verbs}: what they set stays as it is."] if verbs else []


def _authorities(environ: Mapping[str, str]) -> list[str]:
    """Return what is wrong with a file of certificates that are to be trusted: .NET says nothing of it."""
    path = environ.get("SSL_CERT_FILE")
    if not path:
        return []
    contents, found = files.read([path])
    problem = found.get(path) or ("" if trust.certificates(contents[path]) else "has no certificate in PEM")
    sentence = f"SSL_CERT_FILE is {path}, but that {problem}: neither Octopus.Server nor octo-node trusts it."
    return [sentence] if problem else []


def problems(environ: Mapping[str, str], *, untouched: bool = False) -> list[tuple[ExitCode, str]]:
    """Return every problem, as exit code and sentence; without an accepted EULA, only that.

    If all is to be left `untouched`, nothing is written to the folders.
    """
    if not settings.is_eula_accepted(environ):
        return [(ExitCode.EULA, settings.eula_refusal(environ))]
    return [
        *_settings(environ),
        *_files(environ),
        *docker_in_docker.problems(environ),
        *_folders(environ, untouched=untouched),
    ]


def _settings(environ: Mapping[str, str]) -> list[tuple[ExitCode, str]]:
    try:
        options = settings.parse(environ)
    except NodeError as error:
        return [(error.code, sentence) for sentence in error.sentences]
    clashes = commandline.clashes(options.octo_node_extra_options or {})
    if clashes:
        sentence = f"OCTO_NODE_EXTRA_OPTIONS gives {', '.join(clashes)}, which octo-node sets itself: leave it out."
        return [(ExitCode.SETTINGS, sentence)]
    return []


def _files(environ: Mapping[str, str]) -> list[tuple[ExitCode, str]]:
    """Return what is wrong with the server's executable and the certificate."""
    found = []
    folder = variables.value_or_default("OCTO_NODE_SERVER_DIR", environ)
    command = paths.server_command(environ)
    if command is None:
        found.append(f"There is neither Octopus.Server nor Octopus.Server.dll in {folder}: set OCTO_NODE_SERVER_DIR.")
    elif len(command) == 1 and not os.access(command[0], os.X_OK):
        found.append(f"{command[0]} can't be executed by user {os.getuid()}:{os.getgid()}: set its x permission.")
    certificate = variables.value_or_default("SSL_CERTIFICATE_FILE", environ)
    problem = _unreadable(certificate) if certificate else None
    if problem:
        found.append(f"SSL_CERTIFICATE_FILE is {certificate}, but that {problem}: mount the certificate there.")
    return [(ExitCode.SETTINGS, sentence) for sentence in found]


def _unreadable(path: str) -> str | None:
    contents, problems = files.read([path])
    return problems.get(path) or (None if contents[path] else "is empty")


def _folders(environ: Mapping[str, str], *, untouched: bool) -> list[tuple[ExitCode, str]]:
    """Return which of the folders that the server writes to can't be written."""
    shared = [paths.under_root(environ, path) for path in commandline.FOLDERS.values()]
    logs = os.path.dirname(paths.log_file(environ))
    asked = [paths.home(environ), logs, paths.registry(environ), *shared]
    try:
        found = folders.problems(asked, untouched=untouched)
    except OSError as error:
        return [(ExitCode.SETTINGS, f"Whether the folders can be written can't be found out: {limits.reason(error)}.")]
    return [(ExitCode.NOT_WRITABLE, f"{folder} {problem}.") for folder, problem in found.items()]
