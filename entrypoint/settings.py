"""The environment as one frozen object, or every problem with it at once."""

import difflib
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from . import handover, kinds, mask, variables
from .errors import NodeError, ProblemsError
from .exitcodes import ExitCode
from .sqlserver import connection_string
from .sqlserver.connection_string import ConnectionString
from .variables import BY_NAME, VARIABLES, Variable


EULA = (
    "You must accept the EULA. Read it at https://octopus.com/company/legal, and if you agree, "
    "set the environment variable ACCEPT_EULA=Y."
)


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """What the operator set, parsed; each field is the variable of the same name. None: not set, no default."""

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
    ssl_certificate_file: str | None
    ssl_certificate_password: str | None
    https_port: int
    web_force_ssl: bool
    octopus_grpc_services_port: int | None
    service_mode: str | None
    import_password: str | None
    skip_import_version_check: bool
    octo_node_sql_wait: float
    octo_node_upgrade_wait: float
    octo_node_undrain: str
    octo_node_apply: str
    octo_node_api_key: str | None
    octo_node_web_port: int
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


def inherited(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the whole environment of a process of octo-node, with the secrets that process 1 kept for it."""
    return handover.whole(environ)


def secret_values(environ: Mapping[str, str]) -> list[str]:
    """Return every value of `environ` that must not be printed, the password of the connection string included."""
    values = [variables.value_or_default(name, environ) for name in variables.SECRETS]
    try:
        values.append(
            connection_string.parse(variables.value_or_default("DB_CONNECTION_STRING", environ)).password or ""
        )
    except ValueError:
        pass  # what can't be parsed is masked as a whole
    return mask.forms(values)


def parse(environ: Mapping[str, str]) -> Settings:
    """Return the settings in `environ` (the whole one). Raise ProblemsError with every problem there is.

    Without an accepted EULA nothing else is looked at (exit code 10); other problems have exit code 11.
    """
    if not is_eula_accepted(environ):
        raise NodeError(ExitCode.EULA, EULA)
    problems: list[str] = []
    values: dict[str, object] = {}
    for variable in VARIABLES:
        try:
            values[variable.name.lower()] = _value(variable, environ)
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ProblemsError([(ExitCode.SETTINGS, text) for text in problems])
    values["octopus_server_node_name"] = values["octopus_server_node_name"] or socket.gethostname()
    values["has_external_admin"] = any(values[name.lower()] for name in variables.OIDC)
    return Settings(**{name: values[name] for name in Settings.__dataclass_fields__})  # type: ignore[arg-type]  # by kind


def is_eula_accepted(environ: Mapping[str, str]) -> bool:
    """Return whether the licence agreement is accepted."""
    return variables.value_or_default("ACCEPT_EULA", environ) in {"Y", "y"}


def warnings(environ: Mapping[str, str]) -> list[str]:
    """Return a sentence for each variable that looks like a misspelt one, or that has no effect as it is."""
    known = [*BY_NAME, *(f"{name}_FILE" for name in BY_NAME), handover.DESCRIPTOR]
    found = []
    for name in environ:
        near = None if name in known else _near(name, known)
        if near:
            found.append(f"{name} isn't a variable of this image: did you mean {near}?")
    kept = variables.value_or_default("OCTO_NODE_KEEP_ENV", environ)
    if variables.value_or_default("SSL_CERTIFICATE_PASSWORD", environ) and "SSL_CERTIFICATE_PASSWORD" not in kept:
        found.append(
            "SSL_CERTIFICATE_PASSWORD is kept from Octopus.Server's environment as all secrets are: if your server "
            "reads it there, set OCTO_NODE_KEEP_ENV=SSL_CERTIFICATE_PASSWORD."
        )
    external = [name for name in variables.OIDC if variables.value_or_default(name, environ)]
    missing = [name for name in variables.OIDC if name not in external]
    if external and missing:
        found.append(f"{', '.join(external)} without {', '.join(missing)}: set all of them, or none.")
    return found


def _near(name: str, known: list[str]) -> str | None:
    """Return the variable that `name` was probably meant to be: one letter off, or one that starts like ours."""
    if name.startswith("OCTO_NODE_"):
        return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0)))
    return next((other for other in known if _one_letter_off(name, other)), None)


def _one_letter_off(one: str, other: str) -> bool:
    """Return whether one letter is missing, too many, another, or changed places with its neighbour."""
    if len(one) > len(other):
        one, other = other, one
    i = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
    if len(one) < len(other):
        return one[i:] == other[i + 1 :]
    swapped = one[i : i + 2] == other[i : i + 2][::-1] and one[i + 2 :] == other[i + 2 :]
    return one[i + 1 :] == other[i + 1 :] or swapped


def _value(variable: Variable, environ: Mapping[str, str]) -> object:
    """Return the parsed value of `variable`. Raise ValueError with a finished sentence that has no secret in it."""
    text = variables.lookup(variable.name, environ)
    if text is not None and variable.kind in {"key", "licence"}:
        text = "".join(text.split()) or None
    if text is None:
        text = variable.default
    _refuse_strange_characters(variable.name, text)
    if not text:
        return _unset(variable)
    return kinds.parse(variable, text)


def _unset(variable: Variable) -> bool | None:
    if variable.kind == "connection":
        raise ValueError(
            f"{variable.name} isn't set: set it to the ADO.NET connection string of the Octopus database, such as "
            "Server=db,1433;Database=OctopusDeploy;User Id=octopus;Password=...;TrustServerCertificate=True."
        )
    return False if variable.kind == "flag" else None


def _refuse_strange_characters(name: str, text: str) -> None:
    for position, character in enumerate(text, 1):
        if "\ud800" <= character <= "\udfff":
            raise ValueError(f"{name} isn't valid UTF-8 (character {position}): save it as UTF-8.")
        if character < " " or character == "\x7f":
            raise ValueError(
                f"{name} has a control character (U+{ord(character):04X}, character {position}): remove it."
            )
