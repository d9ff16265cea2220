"""From ADO.NET to ODBC: which driver there is, and the connection string that it understands.

The drivers' keywords: https://learn.microsoft.com/sql/connect/odbc/dsn-connection-string-attribute for
Microsoft's, `src/odbc/connectparams.c` (branch 1.3, Debian's) for FreeTDS.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import pyodbc

from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode

from . import driver_manager, trust
from .address import DEFAULT_PORT
from .connection_string import ConnectionString


_MICROSOFT = re.compile(r"ODBC Driver (\d+) for SQL Server", re.IGNORECASE)
_STRICT_SINCE = 18  # the first of Microsoft's drivers that speaks TDS 8
_METHODS = {
    "sqlpassword": "SqlPassword",
    "activedirectorypassword": "ActiveDirectoryPassword",
    "activedirectoryintegrated": "ActiveDirectoryIntegrated",
    "activedirectoryserviceprincipal": "ActiveDirectoryServicePrincipal",
    "activedirectorymanagedidentity": "ActiveDirectoryMsi",
    "activedirectorymsi": "ActiveDirectoryMsi",
    "activedirectorydefault": "ActiveDirectoryMsi",
}
_ENCRYPT = {"strict": "strict", "mandatory": "yes", "optional": "no"}
_BOTH = {
    "Application Intent": "ApplicationIntent",
    "Application Name": "APP",
    "Current Language": "Language",
    "Server SPN": "ServerSPN",
    "Workstation ID": "WSID",
}
_MICROSOFT_ONLY = {"Failover Partner": "Failover_Partner", "Failover Partner SPN": "FailoverPartnerSPN"}
_SINCE_18 = {
    "Host Name In Certificate": "HostNameInCertificate",
    "IP Address Preference": "IpAddressPreference",
    "Server Certificate": "ServerCertificate",
}


class Driver(NamedTuple):
    """An ODBC driver as it is registered; `version` is that of Microsoft's, 0 for FreeTDS."""

    name: str
    version: int

    @property
    def is_freetds(self) -> bool:
        """Whether it is FreeTDS."""
        return self.version == 0


@dataclass(frozen=True, slots=True)
class Translation:
    """An ODBC connection string (hidden from repr), and the keywords left out of it.

    `warnings` are sentences on what our connection is less than the server's own; `notes` on what both leave out.
    """

    text: str = field(repr=False)
    left_out: tuple[str, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]


def installed_driver() -> Driver:
    """Return Microsoft's newest ODBC driver, else FreeTDS.

    Raise NodeError (SETTINGS) if there is neither, or if others could put their own code in its place.
    """
    file = driver_manager.confine()
    drivers = [driver for name in pyodbc.drivers() if (driver := _recognize(name))]
    if not drivers:
        raise NodeError(
            ExitCode.SETTINGS,
            "This image has no ODBC driver for SQL Server: install `msodbcsql18`, or `tdsodbc` (FreeTDS).",
        )
    newest = max(drivers, key=lambda driver: driver.version)
    for library in driver_manager.libraries(file, newest.name):
        driver_manager.refuse_if_open(library)
    return newest


def _recognize(name: str) -> Driver | None:
    if match := _MICROSOFT.fullmatch(name):
        return Driver(name, int(match[1]))
    return Driver(name, 0) if "freetds" in name.lower() else None


def translate(connection_string: ConnectionString, driver: Driver, database: str | None = None) -> Translation:
    """Return what to give to ODBC for `connection_string`, with `database` in place of its own.

    Raise NodeError (SETTINGS) for what `driver` can't do and mustn't be left out, such as a way to log in.
    """
    _possible(connection_string, driver)
    names = _option_names(driver)
    attributes = {
        "Driver": driver.name,
        **(_freetds if driver.is_freetds else _microsoft)(connection_string),
        "Database": connection_string.database if database is None else database,
        **_login(connection_string, driver),
        **{names[name]: value for name, value in connection_string.options.items() if name in names},
    }
    return Translation(
        ";".join(f"{name}={_written(name, value, driver)}" for name, value in attributes.items()) + ";",
        tuple(name for name in connection_string.options if name not in names),
        tuple(_warnings(connection_string, driver)),
        tuple(_notes(connection_string)),
    )


def escape(value: str) -> str:
    """Return `value` in braces, as ODBC has it: whatever characters it has, it is one value."""
    return "{" + value.replace("}", "}}") + "}"


def _written(name: str, value: str, driver: Driver) -> str:
    if not driver.is_freetds or "}" not in value:
        return escape(value)
    # FreeTDS up to 1.3.17 takes a doubled brace for two, later ones for one; bare values are the same for both
    if ";" in value or value.startswith("{"):
        raise NodeError(
            ExitCode.SETTINGS,
            f"FreeTDS can't be given this value of the connection string ({name}), which has a `}}` and also a "
            "`;` or a `{` at its beginning: change it, or install `msodbcsql18`.",
        )
    return value


def _option_names(driver: Driver) -> Mapping[str, str]:
    if driver.is_freetds:
        return _BOTH
    return _BOTH | _MICROSOFT_ONLY | (_SINCE_18 if driver.version >= _STRICT_SINCE else {})


def _possible(connection_string: ConnectionString, driver: Driver) -> None:
    if connection_string.encrypt == "strict" and driver.version < _STRICT_SINCE:
        raise NodeError(
            ExitCode.SETTINGS,
            f"`Encrypt=Strict` needs Microsoft's ODBC driver 18, and this image has {driver.name}: install "
            "`msodbcsql18`, or use `Encrypt=Mandatory`.",
        )
    method = connection_string.authentication
    if driver.is_freetds and method not in ("", "sqlpassword"):
        raise NodeError(
            ExitCode.SETTINGS,
            "This `Authentication` of the connection string isn't possible with FreeTDS: install "
            "`msodbcsql18`, or log in with `User ID` and `Password`.",
        )
    if method and method not in _METHODS:
        raise NodeError(
            ExitCode.SETTINGS,
            "This `Authentication` of the connection string isn't possible: Octopus.Server's own driver has it, but "
            "Microsoft's ODBC driver, which octo-node connects with, doesn't know it, or asks a person. Use Active "
            "Directory Managed Identity or Service Principal, or a SQL login.",
        )


def _microsoft(connection_string: ConnectionString) -> dict[str, str]:
    return {
        "Server": f"tcp:{connection_string.address}",
        "Encrypt": _ENCRYPT[connection_string.encrypt],
        "TrustServerCertificate": _yes(on=_trusts(connection_string)),
        "MultiSubnetFailover": _yes(on=connection_string.multi_subnet_failover),
        # a connection that the driver silently makes anew has lost the locks of its session
        "ConnectRetryCount": "0",
    }


def is_checked(connection_string: ConnectionString) -> bool:
    """Return whether the driver checks SQL Server's certificate."""
    return connection_string.encrypt == "strict" or (
        connection_string.encrypt == "mandatory" and not _trusts(connection_string)
    )


def has_other_name(connection_string: ConnectionString) -> bool:
    """Return whether the certificate is for a name that is given beside the server's."""
    return "Host Name In Certificate" in connection_string.options


def _trusts(connection_string: ConnectionString) -> bool:
    """Return whether the certificate goes unchecked: as Octopus.Server has it, unless `False` is given.

    Since 2021.1.7198 (OctopusDeploy issues 6899, 7501). `Strict` always checks, whatever is given.
    """
    return connection_string.trust_server_certificate is not False or _is_pinned(connection_string)


def _is_pinned(connection_string: ConnectionString) -> bool:
    """Return whether `Server Certificate` is to be compared, and Microsoft's driver ignores it."""
    checks = connection_string.trust_server_certificate is False
    return checks and connection_string.encrypt == "mandatory" and "Server Certificate" in connection_string.options


def _freetds(connection_string: ConnectionString) -> dict[str, str]:
    host, port, instance = connection_string.host, connection_string.port, connection_string.instance
    place = {"Server": host, "Port": str(port or DEFAULT_PORT)}
    if port is None and instance is not None:
        place = {"Server": f"{host}\\{instance}"}
    if is_checked(connection_string):
        place = {"Servername": trust.SECTION}
    return place | {
        "TDS_Version": "7.4",
        "ClientCharset": "UTF-8",
        # `request` encrypts the login only, as `Optional` does
        "Encryption": "require" if connection_string.encrypt == "mandatory" else "request",
    }


def _login(connection_string: ConnectionString, driver: Driver) -> Mapping[str, str]:
    if connection_string.integrated:
        return {"Trusted_Connection": "yes"}
    account = {"UID": connection_string.user, "PWD": connection_string.password}
    if not connection_string.authentication or driver.is_freetds:
        return account
    method = {"Authentication": _METHODS[connection_string.authentication]}
    # Microsoft's driver refuses an account, even an empty one, where the method brings its own
    return method | {name: value for name, value in account.items() if value}


def _warnings(connection_string: ConnectionString, driver: Driver) -> Iterator[str]:
    if connection_string.authentication == "activedirectorydefault":
        yield (
            "Microsoft's ODBC driver doesn't know Active Directory Default: octo-node's own connections use the "
            "managed identity, the last that Octopus.Server tries; where there is none, name another method."
        )
    is_asked = connection_string.trust_server_certificate is False and connection_string.encrypt == "optional"
    if driver.is_freetds and is_asked:
        yield (
            "FreeTDS doesn't check SQL Server's certificate under `Encrypt=Optional`; where that encrypts all the "
            "same, Octopus.Server does. To have it checked here too, use `Encrypt=Mandatory`."
        )
    if _is_pinned(connection_string):
        only = "" if driver.is_freetds else " only under `Encrypt=Strict`"
        yield (
            f"The ODBC driver {'never ' if not only else ''}compares the server with `ServerCertificate`{only}, so "
            "octo-node's own connections don't check it; Octopus.Server does."
        )
    elif driver.is_freetds and is_checked(connection_string) and has_other_name(connection_string):
        yield (
            "FreeTDS doesn't know `HostNameInCertificate`: octo-node's own connections check who issued SQL Server's "
            "certificate, but not for which host it is; Octopus.Server does. To check that here too, "
            "install `msodbcsql18`."
        )


def _notes(connection_string: ConnectionString) -> Iterator[str]:
    if connection_string.encrypt == "mandatory" and connection_string.trust_server_certificate is None:
        yield (
            "SQL Server's certificate isn't checked, neither here nor by Octopus.Server: the connection string has no "
            "`TrustServerCertificate`. `TrustServerCertificate=False` has it checked."
        )


def _yes(*, on: bool) -> str:
    return "yes" if on else "no"
