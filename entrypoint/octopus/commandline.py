"""Octopus.Server's command line: which options each configure command gets, and from which variable.

`docs/commands.md` is made from `OPTIONS` (`scripts/docs`). The verbs and options are those of the public
reference of the Octopus.Server command line, whose history tells their ages. The instance is named by `--instance`:
`--config`, which later versions take as well, isn't in the help that was generated before 2021.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from entrypoint.base import redact
from entrypoint.settings import command_overrides
from entrypoint.settings.configuration import Settings
from entrypoint.settings.paths import INSTANCE, Paths

from .version import Version, parse


OLDEST = "2020.3.1"  # the oldest version that is supported

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
_OF_A_NODE = {"--cacheDirectory"}  # may be deleted at any time


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the options of the commands are made of.

    Attributes: `connection_string` as the operator wrote it; `master_key`, None if the instance knows it;
    `version`, the server's; `with_admin`, whether there is an administrator to make; `is_finished`, whether the
    database was configured before; `left_out`, options (`verb --name`) that this server was found not to know.
    """

    settings: Settings
    connection_string: str
    master_key: str | None
    version: Version
    with_admin: bool
    is_finished: bool = True
    left_out: frozenset[str] = frozenset()
    create: bool = False
    upgrade: bool = False


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a verb: where its value comes from, for people (`source`) and for the program (`value`).

    A value of None leaves the option out, one of "" makes it a switch. Versions before `since`, and those from
    `until` on, don't know it; where its age isn't published, `since` is early, because an option that a server refuses
    is left out anyway, unless it is `needed`. One that is given `once` is for a new database only, and isn't part of
    what a command is remembered by.
    """

    verb: str
    name: str
    source: str
    value: Callable[[Inputs], str | None]
    since: str = ""
    until: str = ""
    needed: bool = False
    once: bool = False

    def is_known(self, version: Version) -> bool:
        """Return whether a server of `version` knows the option."""
        first, gone = parse(self.since), parse(self.until)
        return (first is None or version >= first) and (gone is None or version < gone)


def _folder(path: str) -> Callable[[Inputs], str]:
    return lambda i: i.settings.base.paths.under_root(path)


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


def _login_provider(i: Inputs) -> str | None:
    """Turn on the login with a password, which a new database has off, for an administrator who has one."""
    return "True" if i.with_admin and i.settings.admin_password and not i.is_finished else None


def _no_usage(i: Inputs) -> str | None:
    return None if i.settings.enable_usage else "False"


def _admin(pick: Callable[[Settings], str | None]) -> Callable[[Inputs], str | None]:
    return lambda i: pick(i.settings) if i.with_admin else None


_CONFIGURATION = "`OCTOPUS_SERVER_CONFIGURATION_DIRECTORY`"
# `--home` and `--serverNodeName` of create-instance: 2019.9 (OctopusDeploy/docs #523, OctopusDeploy/Issues #5793);
# `--cacheDirectory`: 2018.9 (Issues #5071); `--eventExports`: 2023.3 (the reference of `path`); `--sendTelemetry` in
# place of `--upgradeCheckWithStatistics`: 2022.1 (Issues #7167); `--grpcListenPort`: not in the help of 2023.1, and
# needed since 2025.3 (docs #2755); `node`: 2018.6 (Issues #4588)
OPTIONS = (
    Option("create-instance", "--instance", INSTANCE, lambda _: INSTANCE, needed=True),
    Option("create-instance", "--config", _CONFIGURATION, lambda i: i.settings.base.paths.config_file, needed=True),
    Option("create-instance", "--home", _CONFIGURATION, lambda i: i.settings.base.paths.home, needed=True),
    Option(
        "create-instance",
        "--serverNodeName",
        "`OCTOPUS_SERVER_NODE_NAME`",
        lambda i: i.settings.octopus_server_node_name,
        needed=True,
    ),
    Option("database", "--create", "if the database is new", lambda i: _given(i.create), needed=True),
    Option("database", "--upgrade", "if the schema is older", lambda i: _given(i.upgrade), needed=True),
    Option("database", "--connectionString", "`DB_CONNECTION_STRING`", lambda i: i.connection_string, needed=True),
    Option("database", "--masterKey", "`MASTER_KEY`, or where the key was found", lambda i: i.master_key, needed=True),
    Option("configure", "--webListenPrefixes", "`OCTO_NODE_WEB_PORT`, `HTTPS_PORT`", _prefixes, needed=True),
    Option("configure", "--webForceSSL", "`WEB_FORCE_SSL`, with `SSL_CERTIFICATE_FILE`", _force_ssl),
    Option("configure", "--commsListenPort", str(COMMS_PORT), lambda _: str(COMMS_PORT)),
    Option(
        "configure",
        "--grpcListenPort",
        "`OCTOPUS_GRPC_SERVICES_PORT`",
        lambda i: _number(i.settings.octopus_grpc_services_port),
        since="2023.3",
    ),
    Option("configure", "--sendTelemetry", "`ENABLE_USAGE`, if it is `N`", _no_usage, since="2022.1"),
    Option("configure", "--upgradeCheckWithStatistics", "`ENABLE_USAGE`, if it is `N`", _no_usage, until="2022.1"),
    Option(
        "configure",
        "--usernamePasswordIsEnabled",
        "if the database is new and the administrator has a password",
        _login_provider,
        once=True,
    ),
    *(
        Option("path", name, path, _folder(path), since="2023.3" if name == "--eventExports" else "")
        for name, path in FOLDERS.items()
    ),
    Option(
        "license",
        "--licenseBase64",
        "`OCTOPUS_SERVER_BASE64_LICENSE`",
        lambda i: i.settings.octopus_server_base64_license,
        needed=True,
    ),
    Option("admin", "--username", "`ADMIN_USERNAME`", _admin(lambda s: s.admin_username), needed=True),
    Option("admin", "--email", "`ADMIN_EMAIL`", _admin(lambda s: s.admin_email)),
    Option("admin", "--password", "`ADMIN_PASSWORD`", _admin(lambda s: s.admin_password), needed=True),
    Option("admin", "--apiKey", "`ADMIN_API_KEY`", _admin(lambda s: s.admin_api_key), needed=True),
    Option("node", "--taskCap", "`TASK_CAP`", lambda i: _number(i.settings.task_cap), needed=True),
)
_BY_NAME = {(option.verb, option.name.lower()): option for option in OPTIONS}
_UNRECOGNIZED = "unrecognized command line argument"


def arguments(verb: str, inputs: Inputs) -> list[str]:
    """Return the arguments of `verb` after the verb, the operator's own last; none if it has nothing to say."""
    own = [
        f"{option.name}={value}" if value else option.name
        for option, value in _wanted(verb, inputs)
        if option.is_known(inputs.version) and f"{verb} {option.name}" not in inputs.left_out
    ]
    return [*own, *added(verb, inputs)]


def added(verb: str, inputs: Inputs) -> Sequence[str]:
    """Return the arguments that OCTO_NODE_EXTRA_OPTIONS adds to `verb`."""
    return (inputs.settings.octo_node_extra_options or {}).get(verb, ())


def unknown(verb: str, inputs: Inputs) -> list[Option]:
    """Return the options that `verb` would get from a server of another age, and that nothing stands in for."""
    wanted = [option for option, _ in _wanted(verb, inputs)]
    given = {option.source for option in wanted if option.is_known(inputs.version)}
    return [option for option in wanted if not option.is_known(inputs.version) and option.source not in given]


def _wanted(verb: str, inputs: Inputs) -> Iterator[tuple[Option, str]]:
    for option in OPTIONS:
        value = option.value(inputs) if option.verb == verb else None
        if value is not None:
            yield option, value


def named(verb: str, argument: str) -> Option | None:
    """Return the option of ours that an argument of `verb` gives; None if it is none of ours."""
    return _BY_NAME.get((verb, argument.partition("=")[0].lower()))


def clashes(extra_options: command_overrides.Options) -> list[str]:
    """Return which of the operator's options octo-node sets itself, as `verb --name`."""
    given = [(verb, argument) for verb, arguments in extra_options.items() for argument in arguments]
    found = [named(verb, argument) for verb, argument in given]
    return [f"{option.verb} {option.name}" for option in found if option is not None]


def unrecognized(output: str, given: Sequence[str]) -> list[str]:
    """Return those of the arguments `given` that the server doesn't know, by what it printed.

    It prints all of them, as they were given, behind one sentence, and ends with 1 (OctopusTentacle, AbstractCommand).
    """
    words = {
        word.partition("=")[0].lower()
        for line in output.splitlines()
        for word in line.lower().partition(_UNRECOGNIZED)[2].split()
    }
    return [argument for argument in given if argument.partition("=")[0].lower() in words]


def shared_folders(paths: Paths) -> list[str]:
    """Return the folders that all nodes share."""
    return [paths.under_root(path) for name, path in FOLDERS.items() if name not in _OF_A_NODE]


def server(paths: Paths, verb: str, *options: str) -> list[str]:
    """Return the command line for `verb`, with the instance named, as in every public manifest."""
    selector = [] if verb in {"create-instance", "help", "version"} else [f"--instance={INSTANCE}"]
    return [*(paths.server_command() or ["Octopus.Server"]), verb, *selector, *options]


def masked(command: list[str]) -> list[str]:
    """Return a command line with the values of its secret options masked."""
    return [
        f"{name}={redact.MASK}" if separator and name in SECRET_OPTIONS else word
        for word in command
        for name, separator, _ in [word.partition("=")]
    ]
