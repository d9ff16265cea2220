"""`octo-node check`: all checks, from what costs nothing to what asks SQL Server. Nothing is changed."""

import dataclasses
import datetime
import time
from collections.abc import Iterator

import pyodbc

from entrypoint.base import files
from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode
from entrypoint.octopus import tables
from entrypoint.octopus.command_runner import Runner
from entrypoint.settings import origins
from entrypoint.settings.configuration import Configuration, Settings
from entrypoint.sqlserver import network, wait
from entrypoint.sqlserver.connect import ConnectError, Connection, connect, describe
from entrypoint.sqlserver.wait import Ready
from entrypoint.structured_log import Logger

from . import certificate, cluster, container, database, findings, licence, report, start, volumes
from .findings import Finding, failed, of_error, passed, unknown, warned
from .volumes import Volume


TYPE_CHECKING = False
if TYPE_CHECKING:
    from entrypoint.prepare.context import Context
    from entrypoint.prepare.situation import Situation

TLS_SECONDS = 2.0
CERTIFICATE_SOON = datetime.timedelta(days=30)


def check(configuration: Configuration, runner: Runner, log: Logger, *, as_json: bool, with_commands: bool) -> ExitCode:
    """Print what was found and, if asked for, the commands; return the code that a start would end with.

    The server's version is asked by `runner`.
    """
    checking = Check(configuration, runner, log)
    names = configuration.base.value_names
    found = [dataclasses.replace(each, sentence=origins.told(each.sentence, names)) for each in checking.run()]
    commands = list(checking.commands()) if with_commands else []
    if as_json:
        print(report.as_json(found, commands))
    else:
        report.show(found, commands)
    return findings.worst(found)


class Check:
    """One run of all checks; what was found on the way stays for `commands`."""

    def __init__(self, configuration: Configuration, runner: Runner, log: Logger) -> None:
        self._configuration = configuration
        self._runner = runner
        self._log = log
        self._context: Context | None = None
        self._situation: Situation | None = None

    def run(self) -> list[Finding]:
        """Return all findings; without an accepted licence agreement only that."""
        configuration = self._configuration
        if not configuration.is_eula_accepted:
            return [failed("agreement", ExitCode.EULA, configuration.eula_refusal())]
        base = configuration.base
        found = [*container.settings(configuration), *container.files(base), *container.engine(configuration)]
        try:
            settings = configuration.settings()
        except NodeError:
            settings = None
        volume_findings, shared = volumes.look(base.paths)
        found += [*volume_findings, *container.stop_time(base)]
        found += container.memory(base, settings.task_cap if settings else None)
        return found if settings is None else [*found, *_certificate(settings), *self._database(settings, shared)]

    def _database(self, settings: Settings, shared: dict[str, Volume]) -> Iterator[Finding]:
        string = settings.db_connection_string
        yield from _addresses(string.host)
        begun = time.monotonic()
        try:
            ready = wait.try_once(string, self._log)
        except NodeError as error:
            yield from of_error("login", error)
            yield unknown("database", "What is in the database, and who else uses it, can't be told without a login.")
            yield from licence.look(settings.octopus_server_base64_license, None, None)
            return
        yield from database.login(ready, time.monotonic() - begun)
        try:
            yield from self._of_octopus(settings, ready, shared)
        except (ConnectError, pyodbc.Error) as error:
            yield failed(
                "database",
                ExitCode.SQL_NOT_READY,
                f"SQL Server at {string.address} was lost while it was asked ({describe(error, string.password)}): see "
                "that it runs.",
            )

    def _of_octopus(self, settings: Settings, ready: Ready, shared: dict[str, Volume]) -> Iterator[Finding]:
        connection = ready.connection
        try:
            context = self._context = start.context(settings, self._runner, self._log)
            situation = self._situation = start.situation(connection, context)
            yield from start.look(ready, situation, context)
            needs_schema = situation.needs_schema
        except NodeError as error:
            yield from of_error("server version", error)
            needs_schema = connection is None
        if connection is None:
            with connect(ready.connection_string, database="master") as master:
                yield from database.look(master, ready.connection_string, is_new=True, needs_schema=True)
            yield from licence.look(settings.octopus_server_base64_license, None, None)
            return
        yield from database.look(connection, ready.connection_string, is_new=False, needs_schema=needs_schema)
        yield from _cluster(connection, settings, shared)

    def commands(self) -> Iterator[str]:
        """Yield the command lines that a start would run; those for a new database where it can't be asked."""
        try:
            if self._context is None:
                self._context = start.context(self._configuration.settings(), self._runner, self._log)
            if self._situation is None:
                self._log.warning("The database can't be queried: these are the commands for a new one.")
                self._situation = start.situation(None, self._context)
            yield from start.commands(self._situation, self._context)
        except NodeError as error:
            self._log.warning("What a start would run can't be told.", reason=error.sentences[0])


def _addresses(host: str) -> Iterator[Finding]:
    try:
        yield passed("dns", f"{host} is {', '.join(network.addresses(host))}.")
    except network.UnreachableError:
        pass  # the login says so, and what to do


def _cluster(connection: Connection, settings: Settings, shared: dict[str, Volume]) -> Iterator[Finding]:
    alive = cluster.others_alive(connection, settings.octopus_server_node_name)
    yield from cluster.look(connection, settings, alive)
    yield from volumes.shared(shared, alive)
    stored = tables.licence(connection)
    yield from licence.look(settings.octopus_server_base64_license, stored, len(alive) + 1)


def _certificate(settings: Settings) -> Iterator[Finding]:
    path = settings.ssl_certificate_file
    if path is None:
        return
    content = files.read([path])[0].get(path, b"")
    try:
        ends = certificate.of_file(content)
    except certificate.NoCertificateError:
        try:  # a PKCS#12 file is encrypted; the server has it open
            ends = certificate.of_server(settings.https_port, TLS_SECONDS)
        except (OSError, certificate.NoCertificateError):
            yield unknown(
                "certificate",
                f"{path} is no certificate in PEM or DER that can be read (a PKCS#12 file can't be without its "
                "password): until when it is valid is seen once the node answers.",
            )
            return
    left = ends - datetime.datetime.now(datetime.UTC)
    if left < CERTIFICATE_SOON:
        when = (
            f"ended on {ends:%Y-%m-%d}"
            if left < datetime.timedelta()
            else f"ends on {ends:%Y-%m-%d}, in {left.days} days"
        )
        yield warned("certificate", f"The certificate in {path} {when}: put a new one there, and start the node again.")
    else:
        yield passed("certificate", f"The certificate in {path} is valid until {ends:%Y-%m-%d}.")
