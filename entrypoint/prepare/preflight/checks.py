"""Preflight: checks everything that can be known to be wrong before anything is started, and reports it all at once."""

import os

from entrypoint.base import files, redact, resource_limits, state_reader, statefile
from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode
from entrypoint.octopus import commandline
from entrypoint.settings import origins
from entrypoint.settings.base_settings import BaseSettings
from entrypoint.settings.configuration import Configuration, Settings
from entrypoint.settings.paths import Paths
from entrypoint.settings.problems import ProblemsError
from entrypoint.sqlserver import trust
from entrypoint.structured_log import Logger

from . import docker_in_docker, execution_containers, rootless_engine, writable_folders


GRPC_PORT = 8443  # the server's own default


def preflight(configuration: Configuration, log: Logger) -> None:
    """Check settings, files and folders. Raise NodeError or ProblemsError with everything that is wrong."""
    told = warnings(configuration) if configuration.is_eula_accepted else []
    told = [origins.told(warning, configuration.base.value_names) for warning in told]
    for warning in told:
        log.warning(warning)
    _keep(configuration, told)
    found = problems(configuration)
    if found:
        raise ProblemsError(found)


def _keep(configuration: Configuration, told: list[str]) -> None:
    """Leave the warnings in the run folder, for `status`."""
    folder = state_reader.find_folder(configuration.base.run_dir)
    if folder is None:
        return
    secrets = configuration.secrets()
    try:
        statefile.write(folder, statefile.PREFLIGHT, {"warnings": [redact.mask(text, secrets) for text in told]})
    except OSError:
        pass  # process 1 says that its folder can't be written


def warnings(configuration: Configuration) -> list[str]:
    """Return a sentence for each thing that is probably not meant, or has consequences that are easily missed."""
    return [*configuration.warnings(), *trust_warnings(), *container_warnings(configuration)]


def container_warnings(configuration: Configuration) -> list[str]:
    """Return what is slow, lost or without effect in the way that execution containers are run."""
    base = configuration.base
    found = [*docker_in_docker.warnings(base), *rootless_engine.warnings(base)]
    try:
        return [*execution_containers.warnings(base, configuration.settings()), *found]
    except NodeError:
        return found


def trust_warnings() -> list[str]:
    """Return what is wrong with a file of certificates that are to be trusted: .NET says nothing of it."""
    problem = trust.problem()
    return [f"{problem}: neither Octopus.Server nor octo-node trusts it."] if problem else []


def problems(configuration: Configuration, *, untouched: bool = False) -> list[tuple[ExitCode, str]]:
    """Return every problem, as exit code and sentence; without an accepted EULA, only that.

    If all is to be left `untouched`, nothing is written to the folders.
    """
    if not configuration.is_eula_accepted:
        return [(ExitCode.EULA, configuration.eula_refusal())]
    base = configuration.base
    return [
        *settings_problems(configuration),
        *file_problems(base),
        *docker_in_docker.problems(base),
        *rootless_engine.problems(base),
        *folder_problems(base.paths, untouched=untouched),
    ]


def settings_problems(configuration: Configuration) -> list[tuple[ExitCode, str]]:
    """Return what is wrong with the variables."""
    try:
        options = configuration.settings()
    except NodeError as error:
        return [(error.code, sentence) for sentence in error.sentences]
    clashes = commandline.clashes(options.octo_node_extra_options or {})
    if clashes:
        sentence = f"OCTO_NODE_EXTRA_OPTIONS gives {', '.join(clashes)}, which octo-node sets itself: leave it out."
        return [(ExitCode.SETTINGS, sentence)]
    sentences = [*_port_clashes(options), *execution_containers.contradictions(options)]
    return [(ExitCode.SETTINGS, sentence) for sentence in sentences]


def _port_clashes(options: Settings) -> list[str]:
    """Return a sentence for each port of Octopus.Server that OCTO_NODE_HTTP gives to octo-node."""
    if options.octo_node_http is None:
        return []
    taken = {
        "octo_node_web_port": options.octo_node_web_port,
        "https_port": options.https_port if options.ssl_certificate_file else None,
        "octopus_grpc_services_port": options.octopus_grpc_services_port or GRPC_PORT,
    }
    port = options.octo_node_http[1]
    return [
        f"OCTO_NODE_HTTP is on port {port}, which is Octopus.Server's ({name.upper()}): choose another, such as 9464."
        for name, number in taken.items()
        if number == port
    ]


def file_problems(base: BaseSettings) -> list[tuple[ExitCode, str]]:
    """Return what is wrong with the server's executable and the certificate."""
    found = []
    command = base.paths.server_command()
    if command is None:
        found.append(
            f"There is neither Octopus.Server nor Octopus.Server.dll in {base.paths.server}: set OCTO_NODE_SERVER_DIR."
        )
    elif len(command) == 1 and not os.access(command[0], os.X_OK):
        found.append(f"{command[0]} can't be executed by user {os.getuid()}:{os.getgid()}: set its x permission.")
    certificate = base.certificate_file
    problem = _unreadable(certificate) if certificate else None
    if problem:
        found.append(f"SSL_CERTIFICATE_FILE is {certificate}, but that {problem}: mount the certificate there.")
    return [(ExitCode.SETTINGS, sentence) for sentence in found]


def _unreadable(path: str) -> str | None:
    contents, problems = files.read([path])
    return problems.get(path) or (None if contents[path] else "is empty")


def folder_problems(paths: Paths, *, untouched: bool) -> list[tuple[ExitCode, str]]:
    """Return which of the folders that the server writes to can't be written."""
    shared = [paths.under_root(path) for path in commandline.FOLDERS.values()]
    logs = os.path.dirname(paths.log_file)
    asked = [paths.home, logs, paths.registry, *shared]
    try:
        found = writable_folders.problems(asked, untouched=untouched)
    except OSError as error:
        return [
            (
                ExitCode.SETTINGS,
                f"Whether the folders can be written can't be found out: {resource_limits.reason(error)}.",
            )
        ]
    return [(ExitCode.NOT_WRITABLE, f"{folder} {problem}.") for folder, problem in found.items()]
