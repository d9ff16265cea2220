"""The sentence and exit code with which a wait for SQL Server ends."""

from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode

from .connect import ConnectError
from .error_classes import DRIVER_MISSING, NO_ENCRYPTION, NO_SHARED_TLS, NO_STRICT, UNTRUSTED, WRONG_NAME, Kind


_OR_WAIT = ", or raise OCTO_NODE_SQL_WAIT"
_FOR_GOOD = {
    DRIVER_MISSING: "The ODBC driver for SQL Server is registered but can't be loaded: install it again.",
    UNTRUSTED: (
        "The certificate of SQL Server at {address} isn't trusted, as the connection string asks: set SSL_CERT_FILE to "
        "a file with its issuer's certificate, which Octopus.Server trusts then too, or take "
        "`TrustServerCertificate=False` or `Encrypt=Strict` out of the connection string."
    ),
    WRONG_NAME: (
        "The certificate of SQL Server at {address} is for another host name: add `HostNameInCertificate=` and the "
        "name in the certificate to the connection string, or use that name in `Server`."
    ),
    NO_ENCRYPTION: (
        "SQL Server at {address} doesn't encrypt, as the connection string asks: turn TLS on there, or add "
        "`Encrypt=Optional` to the connection string."
    ),
    NO_STRICT: (
        "SQL Server at {address} doesn't speak TDS 8, which `Encrypt=Strict` needs and SQL Server has since 2022: use "
        "`Encrypt=Mandatory` in the connection string."
    ),
    NO_SHARED_TLS: (
        "SQL Server at {address} and this image have no TLS version in common: update SQL Server so that it has TLS "
        "1.2 or later, with a certificate of today's strength."
    ),
}


def failure(error: ConnectError, address: str, seconds: float | None) -> NodeError:
    """Return what to raise after `error` at `address`, at the end of a wait of `seconds` (None: it was tried once)."""
    said = f" It said: {error.text.removesuffix('.')}." if error.text else ""
    kind, reason = error.verdict.kind, error.verdict.reason
    if kind is Kind.NEVER:
        code = ExitCode.SETTINGS if reason == DRIVER_MISSING else ExitCode.SQL_NOT_READY
        return NodeError(code, _FOR_GOOD[reason].format(address=address) + said)
    if kind is Kind.LOGIN_FAILED:
        return NodeError(
            ExitCode.SQL_LOGIN,
            f"SQL Server at {address} refused the login ({reason}): check `User ID` and `Password` in the "
            f"connection string, and the login itself.{said}",
        )
    state, more = ("isn't ready", "") if seconds is None else (f"wasn't ready within {seconds:g} seconds", _OR_WAIT)
    sentence = f"SQL Server at {address} {state} ({reason}): see that it runs and can be reached from here{more}.{said}"
    return NodeError(ExitCode.SQL_NOT_READY, sentence)
