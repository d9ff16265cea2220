"""Octopus.Server's command line: which options each configure command gets, and from which variable.

`docs/commands.md` is made from `OPTIONS` (`scripts/docs`). The verbs and options are those of the public
reference of the Octopus.Server command line.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from entrypoint import mask, paths
from entrypoint.settings import Settings


COMMS_PORT = 10943
# the seconds each verb may take; a migration can take half an hour
SECONDS = {
    "create-instance": 120.0,
    "database": 7200.0,
    "configure": 120.0,
    "path": 120.0,
    "license": 120.0,
    "admin": 120.0,
    "node": 120.0,
}
SECRET_OPTIONS = {"--connectionString", "--masterKey", "--licenseBase64", "--password", "--apiKey"}
FOLDERS = {
    "--nugetRepository": "/repository",
    "--artifacts": "/artifacts",
    "--taskLogs": "/taskLogs",
    "--eventExports": "/eventExports",
    "--cacheDirectory": "/cache",
}


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the options of the commands are made of.

    Attributes: `connection_string` as the operator wrote it; `master_key`, None if the instance knows it;
    `with_admin`, whether there is an administrator to make.
    """

    environ: Mapping[str, str]
    settings: Settings
    connection_string: str
    master_key: str | None
    with_admin: bool
    create: bool = False
    upgrade: bool = False


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a verb: where its value comes from, for people (`source`) and for the program (`value`).

    A value of None leaves the option out, one of "" makes it a switch.
    """

    verb: str
    name: str
    source: str
    value: Callable[[Inputs], str | None]


def _folder(path: str) -> Callable[[Inputs], str]:
    return lambda i: paths.under_root(i.environ, path)


def _given(condition: object) -> str | None:
    return "" if condition else None


def _number(number: int | None) -> str | None:
    return None if number is None else str(number)


def _prefixes(i: Inputs) -> str:
    """Return the addresses to listen on; Octopus takes `localhost` for every address of the host."""
    http = f"http://localhost:{i.settings.octo_node_web_port}"
    https = f"https://localhost:{i.settings.https_port}"
    if i.settings.ssl_certificate_file is None:
        return http
    return https if i.settings.https_only else f"{http},{https}"


def _force_ssl(i: Inputs) -> str | None:
    return None if i.settings.ssl_certificate_file is None else str(i.settings.web_force_ssl)


def _admin(pick: Callable[[Settings], str | None]) -> Callable[[Inputs], str | None]:
    return lambda i: pick(i.settings) if i.with_admin else None


OPTIONS = (
    Option("create-instance", "--instance", paths.INSTANCE, lambda _: paths.INSTANCE),
    Option(
        "create-instance",
        "--config",
        "`OCTOPUS_SERVER_CONFIGURATION_DIRECTORY`",
        lambda i: paths.config_file(i.environ),
    ),
    Option(
        "create-instance",
        "--home",
        "`OCTOPUS_SERVER_CONFIGURATION_DIRECTORY`",
        lambda i: paths.home(i.environ),
    ),
    Option(
        "create-instance",
        "--serverNodeName",
        "`OCTOPUS_SERVER_NODE_NAME`",
        lambda i: i.settings.octopus_server_node_name,
    ),
    Option("database", "--create", "if the database is new", lambda i: _given(i.create)),
    Option("database", "--upgrade", "if the schema is older", lambda i: _given(i.upgrade)),
    Option("database", "--connectionString", "`DB_CONNECTION_STRING`", lambda i: i.connection_string),
    Option("database", "--masterKey", "`MASTER_KEY`, or where the key was found", lambda i: i.master_key),
    Option("configure", "--webListenPrefixes", "`OCTO_NODE_WEB_PORT`, `HTTPS_PORT`", _prefixes),
    Option("configure", "--webForceSSL", "`WEB_FORCE_SSL`, with `SSL_CERTIFICATE_FILE`", _force_ssl),
    Option("configure", "--commsListenPort", str(COMMS_PORT), lambda _: str(COMMS_PORT)),
    Option(
        "configure",
        "--grpcListenPort",
        "`OCTOPUS_GRPC_SERVICES_PORT`",
        lambda i: _number(i.settings.octopus_grpc_services_port),
    ),
    *(Option("path", name, path, _folder(path)) for name, path in FOLDERS.items()),
    Option(
        "license",
        "--licenseBase64",
        "`OCTOPUS_SERVER_BASE64_LICENSE`",
        lambda i: i.settings.octopus_server_base64_license,
    ),
    Option("admin", "--username", "`ADMIN_USERNAME`", _admin(lambda s: s.admin_username)),
    Option("admin", "--email", "`ADMIN_EMAIL`", _admin(lambda s: s.admin_email)),
    Option("admin", "--password", "`ADMIN_PASSWORD`", _admin(lambda s: s.admin_password)),
    Option("admin", "--apiKey", "`ADMIN_API_KEY`", _admin(lambda s: s.admin_api_key)),
    Option("node", "--taskCap", "`TASK_CAP`", lambda i: _number(i.settings.task_cap)),
)


def arguments(verb: str, inputs: Inputs) -> list[str]:
    """Return the arguments of `verb` after the verb; none if it has nothing to say."""
    values = [(option.name, option.value(inputs)) for option in OPTIONS if option.verb == verb]
    return [f"{name}={value}" if value else name for name, value in values if value is not None]


def server(environ: Mapping[str, str], verb: str, *options: str) -> list[str]:
    """Return the command line for `verb` while the instance is made: its configuration file is named."""
    selector = [] if verb in {"create-instance", "version"} else [f"--config={paths.config_file(environ)}"]
    return [*_executable(environ), verb, *selector, *options]


def server_on_instance(environ: Mapping[str, str], verb: str, *options: str) -> list[str]:
    """Return the command line for `verb` on a node that runs: the instance is named, as every manifest does."""
    return [*_executable(environ), verb, f"--instance={paths.INSTANCE}", *options]


def _executable(environ: Mapping[str, str]) -> list[str]:
    return paths.server_command(environ) or ["Octopus.Server"]


def masked(command: list[str]) -> list[str]:
    """Return a command line with the values of its secret options masked."""
    return [
        f"{name}={mask.MASK}" if separator and name in SECRET_OPTIONS else word
        for word in command
        for name, separator, _ in [word.partition("=")]
    ]
