"""The settings as one frozen object, or every problem with them at once."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from entrypoint.base import redact
from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode
from entrypoint.settings.problems import ProblemsError
from entrypoint.sqlserver import connection_string
from entrypoint.sqlserver.connection_string import ConnectionString

from . import command_overrides, parsers, unknown_variables, value_defects, variables
from .base_settings import BaseSettings
from .environment import Environment, UnreadableError
from .variables import VARIABLES, Variable


EULA = (
    "You must accept the EULA. Read it at https://octopus.com/company/legal, and if you agree, "
    "set the environment variable ACCEPT_EULA=Y."
)
ACCEPTED = "Y"


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """What the operator set, parsed: what every process needs (`base`), and the variables by their names.

    None: not set, no default.
    """

    base: BaseSettings
    db_connection_string: ConnectionString
    master_key: str | None
    octopus_server_base64_license: str | None
    octopus_server_node_name: str
    admin_username: str
    admin_password: str | None
    admin_email: str
    admin_api_key: str | None
    task_cap: int | None
    disable_dind: bool
    docker_host: str | None
    ssl_certificate_file: str | None
    ssl_certificate_password: str | None
    https_port: int
    web_force_ssl: bool
    octopus_grpc_services_port: int | None
    enable_usage: bool
    service_mode: str | None
    import_password: str | None
    skip_import_version_check: bool
    octo_node_sql_wait: float
    octo_node_upgrade_wait: float
    octo_node_undrain: str
    octo_node_apply: str
    octo_node_skip_commands: tuple[str, ...] | None
    octo_node_extra_options: command_overrides.Options | None
    octo_node_api_key: str | None
    octo_node_web_port: int
    octo_node_containers: str | None
    octo_node_http: tuple[str, int] | None
    octo_node_new_database: bool
    # not a variable: whether the administrator comes from an OpenID Connect provider
    has_external_admin: bool

    @property
    def https_only(self) -> bool:
        """Whether plain http is not offered."""
        return self.ssl_certificate_file is not None and self.web_force_ssl

    @property
    def api_key(self) -> str | None:
        """The key for counting and cancelling tasks."""
        return self.octo_node_api_key or self.admin_api_key


class Configuration:
    """The settings in an `environment`, or all problems with them, for processes that may import libraries.

    Attributes, which are there whatever is wrong: `base`; `described`, which gives what is set, a line each, without a
    secret.
    """

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self.base = BaseSettings(environment)
        self.described = environment.described

    def secrets(self) -> list[str]:
        """Return every value that must not be printed, the password of the connection string included."""
        values = [self._environment.text(name) for name in variables.SECRETS]
        try:
            values.append(connection_string.parse(self._environment.text("DB_CONNECTION_STRING")).password or "")
        except ValueError:
            pass  # what can't be parsed is masked as a whole
        return redact.forms(values)

    def settings(self) -> Settings:
        """Return the settings. Raise ProblemsError with every problem there is.

        Without an accepted EULA nothing else is looked at (exit code 10); other problems have exit code 11.
        """
        if not self.is_eula_accepted:
            raise NodeError(ExitCode.EULA, self.eula_refusal())
        problems: list[str] = []
        values: dict[str, object] = {"base": self.base}
        for variable in VARIABLES:
            try:
                values[variable.name.lower()] = self._value(variable)
            except ValueError as error:
                problems.append(str(error))
        if problems:
            raise ProblemsError([(ExitCode.SETTINGS, text) for text in problems])
        values["octopus_server_node_name"] = values["octopus_server_node_name"] or self.base.node_name
        values["has_external_admin"] = any(values[name.lower()] for name in variables.OIDC)
        return Settings(**{name: values[name] for name in Settings.__dataclass_fields__})  # type: ignore[arg-type]  # by kind

    @property
    def is_eula_accepted(self) -> bool:
        """Whether the licence agreement is accepted."""
        return self._environment.text("ACCEPT_EULA") == ACCEPTED

    def eula_refusal(self) -> str:
        """Return what to say where the licence agreement isn't accepted, with what was found in its place."""
        try:
            found = self._environment.lookup("ACCEPT_EULA")
        except ValueError as error:
            return f"{EULA} {error}"
        if found is None:
            return f"{EULA}{self._instead_of('ACCEPT_EULA')}"
        character = value_defects.character_defect(found)
        reason = f": it {character}" if character else ", but only a capital `Y`, and nothing else, accepts it"
        if value_defects.is_quoted(found):
            reason = f", with quotes: {value_defects.REMOVE_QUOTES}"
        return f"{EULA} ACCEPT_EULA is {value_defects.shown(found)}{reason}."

    def warnings(self) -> list[str]:
        """Return a sentence for each variable that looks like a misspelt one, or has consequences easily missed."""
        text = self._environment.text
        found = [
            *unknown_variables.warnings(self._environment.names(), self._environment.is_given),
            *self._quoted_passwords(),
        ]
        if text("SSL_CERTIFICATE_PASSWORD") and "SSL_CERTIFICATE_PASSWORD" not in text("OCTO_NODE_KEEP_ENV"):
            found.append(
                "SSL_CERTIFICATE_PASSWORD is kept from Octopus.Server's environment as all secrets are: if your server "
                "reads it there, set OCTO_NODE_KEEP_ENV=SSL_CERTIFICATE_PASSWORD."
            )
        external = [name for name in variables.OIDC if text(name)]
        missing = [name for name in variables.OIDC if name not in external]
        if external and missing:
            found.append(f"{', '.join(external)} without {', '.join(missing)}: set all of them, or none.")
        if skipped := text("OCTO_NODE_SKIP_COMMANDS"):
            found.append(f"OCTO_NODE_SKIP_COMMANDS leaves out {skipped}: what they set stays as it is.")
        return found

    def _value(self, variable: Variable) -> object:
        """Return the parsed value of `variable`. Raise ValueError with a finished sentence that has no secret in it."""
        try:
            text = self._environment.lookup(variable.name)
        except UnreadableError as error:
            _refuse_path(f"{variable.name}_FILE", error.path)
            raise
        if text is None:
            text = variable.default
        if variable.kind in {"key", "licence"}:
            text = re.sub(r"[ \t\r\n]+", "", text)  # `base64` breaks lines
        if character := value_defects.character_defect(text):
            raise ValueError(f"{variable.name} {character}.")
        if value_defects.is_quoted(text) and not _may_be_quoted(variable):
            found = (
                "begins and ends with a quote" if variable.secret else f"is {value_defects.shown(text)}, with quotes"
            )
            raise ValueError(f"{variable.name} {found}: {value_defects.REMOVE_QUOTES}.")
        return parsers.parse(variable, text) if text else self._unset(variable)

    def _unset(self, variable: Variable) -> bool | None:
        if variable.kind == "connection":
            raise ValueError(
                f"{variable.name} isn't set: set it to the ADO.NET connection string of the Octopus database, such as "
                "Server=db,1433;Database=OctopusDeploy;User Id=octopus;Password=...;TrustServerCertificate=True."
                f"{self._instead_of(variable.name)}"
            )
        return False if variable.kind == "flag" else None

    def _instead_of(self, name: str) -> str:
        return unknown_variables.instead_of(name, self._environment.names())

    def _quoted_passwords(self) -> Iterator[str]:
        for variable in VARIABLES:
            is_password = variable.secret and variable.kind == "text"
            if is_password and value_defects.is_quoted(self._environment.text(variable.name)):
                yield (
                    f"{variable.name} begins and ends with a quote, which is a part of the password as it stands: if "
                    f"that isn't meant, {value_defects.REMOVE_QUOTES}."
                )


def _refuse_path(name: str, path: str) -> None:
    """Raise ValueError for a `path` that is no file's because of characters that nobody sees, or quotes."""
    if character := value_defects.character_defect(path):
        raise ValueError(f"{name} {character}.")
    if value_defects.is_quoted(path):
        raise ValueError(f"{name} is {value_defects.shown(path)}, with quotes: {value_defects.REMOVE_QUOTES}.")


def _may_be_quoted(variable: Variable) -> bool:
    """Return whether a value may begin and end with a quote: a password, or words quoted as in a shell."""
    return variable.kind == "dockerd" or (variable.secret and variable.kind == "text")
