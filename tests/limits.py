"""Everything that octo-node reads, and the limits that it has: docs/limits.md is made of this.

`READERS` says where each is read, so that nothing is read anywhere else (tests/unit/test_readers.py), and
tests/unit/test_reading.py asks each of them for more than its limit.
"""

import importlib
from collections.abc import Iterator
from dataclasses import dataclass


KERNEL, OWN = "the kernel", "octo-node's own"


@dataclass(frozen=True)
class Limit:
    """What is read, the constants that limit it by their full names, and what becomes of more."""

    name: str
    constants: tuple[str, ...]
    beyond: str


LIMITS = (
    Limit("a file that a variable names", ("base.files.MAX_BYTES", "base.files.SECONDS"), "refused (11)"),
    Limit("what a child process tells that may hang", ("base.forked._MAX",), "no answer; the time is its caller's"),
    Limit("a state file", ("base.state_reader._LIMIT",), "counts as none"),
    Limit("notes on what was configured", ("octopus.notes_file._LIMIT",), "counts as none: all is configured again"),
    Limit(
        "the registry and the configuration file",
        ("octopus.applied_state._MAX_FILE", "octopus.applied_state._MAX_FILES"),
        "counts as changed",
    ),
    Limit("octo-node's own log that is kept", ("base.kept_log.MAX_BYTES", "base.kept_log.LINES"), "left out"),
    Limit("lines for the container's log", ("base.log_relay._MAX",), "left for the next signal"),
    Limit("the note on tasks that are cut off", ("base.log_relay._MAX_NOTE",), "counts as none"),
    Limit("the server's log in a termination message", ("init.report._LOOK", "init.report._TAIL"), "left out"),
    Limit("counters of the control group", ("base.oom._ROOM", "node.facts.container._ROOM"), "left out"),
    Limit("secrets that prepare tells process 1", ("settings.secrets_memfd._ROOM",), "left out"),
    Limit(
        "the output of a command",
        ("octopus.command_output.MAX_LINE", "octopus.command_output.KEPT"),
        "cut; the time is the command's: [commands.md](commands.md)",
    ),
    Limit("a line of the server's that is wrapped", ("base.wrap_lines._LONGEST",), "told in pieces"),
    Limit("what `server VERB` keeps back to mask it", ("node.server_command._LONGEST",), "shown"),
    Limit("a version", ("octopus.version._LONGEST",), "counts as none"),
    Limit("an answer of the server's API", ("octopus.http.BODY_BYTES", "octopus.api.SECONDS"), "no answer"),
    Limit("the headers of an answer", ("octopus.http.HEAD_BYTES",), "no answer"),
    Limit("the Retry-After of an answer", ("octopus.http.PAUSE_SECONDS",), "taken as the most"),
    Limit("an answer to the probe", ("http_probe.CHUNK",), "no answer; the time is the probe's own"),
    Limit(
        "SQL Server's answer to a question",
        ("sqlserver.connect.MOST_ROWS", "sqlserver.connect.QUERY_SECONDS"),
        "an error",
    ),
    Limit("SQL Server's answer to PRELOGIN", ("sqlserver.prelogin._LONGEST",), "no answer"),
    Limit("SQL Server's sign of life", (), "one byte is read; the time is the probe's own"),
    Limit("SQL Server's handshake", ("sqlserver.handshake._MOST_PACKETS", "sqlserver.handshake.SECONDS"), "given up"),
    Limit(
        "the SQL Server Browser's answer", ("sqlserver.network.BROWSER_BYTES", "sqlserver.wait.REACH_SECONDS"), "cut"
    ),
    Limit("certificates in a folder", ("sqlserver.trust._MOST_FILES", "sqlserver.trust._MOST_BYTES"), "left out"),
    Limit("the ODBC drivers' configuration", ("sqlserver.driver_manager._MAX_FILE",), "left out"),
    Limit("the version in a mark", ("octopus.shared_marks.VERSION_BYTES",), "cut"),
    Limit("marks of other nodes", ("octopus.shared_marks.MOST", "octopus.shared_marks.SECONDS"), "left out"),
    Limit(
        "files of an earlier installation",
        ("prepare.schema.earlier_installation.MOST", "prepare.schema.earlier_installation.SECONDS"),
        "counts as files; a folder that hangs is refused",
    ),
    Limit("versions that nodes recorded", ("octopus.version_history.MOST",), "left out: the newest are read"),
    Limit("an engine's answer to a ping", ("dockerd.ping.MOST", "base.engine.SECONDS"), "no answer"),
    Limit("an engine's events", ("dockerd.watch.MOST", "dockerd.watch.SILENCE"), "no answer"),
    Limit("subordinate ids, and what the kernel tells of itself", ("dockerd.lacks.MOST",), "cut"),
    Limit("an engine's other answers", ("dockerd.container_trial._ROOM", "node.facts.answers._MOST"), "no answer"),
    Limit("a pid file of an earlier dockerd's", ("dockerd.stale_files._MOST",), "names no process"),
    Limit("what iptables prints", ("dockerd.iptables._MOST", "dockerd.iptables._SECONDS"), "left out"),
    Limit(
        "a line of the process that looks at the node",
        ("monitoring.observation.LINE_BYTES", "monitoring.observation.SILENCE_SECONDS"),
        "it is started again",
    ),
    Limit(
        "a request for metrics, health endpoints or the page",
        ("monitoring.server.HEAD_BYTES", "monitoring.server.BODY_BYTES", "monitoring.server.LIFE_SECONDS"),
        "refused",
    ),
    Limit(
        "a file in a bundle of `diagnose`",
        ("diagnose.sources.LOG_BYTES", "diagnose.sources.FILE_BYTES"),
        "its end is read",
    ),
    Limit(
        "all of a bundle of `diagnose`",
        ("diagnose.archive.MAX_BYTES", "diagnose.archive.SECONDS"),
        "left out, and named",
    ),
)
BY_NAME = {limit.name: limit for limit in LIMITS}
# the functions that read; KERNEL's own files have the size that it gives them, OWN are files and pipes that only
# octo-node writes, where nobody else can
READERS = {
    "base.files._read": "a file that a variable names",
    "base.forked._receive": "what a child process tells that may hang",
    "base.kept_log.read": "octo-node's own log that is kept",
    "base.log_relay._new": "lines for the container's log",
    "base.log_relay.note": "the note on tasks that are cut off",
    "base.oom._places": KERNEL,
    "base.oom.kills": "counters of the control group",
    "base.procfs.name_of": KERNEL,
    "base.procfs.stat_fields": KERNEL,
    "base.sql_ping._client_hello": OWN,
    "base.sql_ping._is_any_answered": "SQL Server's sign of life",
    "base.state_reader.read": "a state file",
    "base.statefile._empty": OWN,
    "base.trusted_file.read": "its caller's limit",
    "base.wrap_lines.run": "a line of the server's that is wrapped",
    "diagnose.sources._file": "a file in a bundle of `diagnose`",
    "diagnose.sources._server_logs": "all of a bundle of `diagnose`",
    "diagnose.sources._state": "all of a bundle of `diagnose`",
    "diagnose.sources._verb": "all of a bundle of `diagnose`",
    "dockerd.cgroups._words": KERNEL,
    "dockerd.cgroups.nest": KERNEL,
    "dockerd.container_trial._ask": "an engine's other answers",
    "dockerd.iptables._has_words": KERNEL,
    "dockerd.iptables._said": "what iptables prints",
    "dockerd.lacks._field": KERNEL,
    "dockerd.lacks._is_mapped": KERNEL,
    "dockerd.lacks._ranges": "subordinate ids, and what the kernel tells of itself",
    "dockerd.lacks._word": KERNEL,
    "dockerd.leftovers._processes": KERNEL,
    "dockerd.ping.problem": "an engine's answer to a ping",
    "dockerd.rootless.is_namespace_root": KERNEL,
    "dockerd.stale_files._found": OWN,
    "dockerd.stale_files._is_alive": "a pid file of an earlier dockerd's",
    "dockerd.watch._listen": "an engine's events",
    "explain._text": OWN,
    "explain.documents": OWN,
    "http_probe.status_of": "an answer to the probe",
    "init.oom_watch.listen": KERNEL,
    "init.processes._descendants": KERNEL,
    "init.processes.start": OWN,
    "init.report.tail": "the server's log in a termination message",
    "init.signals.is_meant_for": KERNEL,
    "install._copy_file": OWN,
    "install._is_whole": OWN,
    "install._refuse": OWN,
    "install._refuse_others": OWN,
    "install._tidy": OWN,
    "install.install": OWN,
    "monitoring.application._file": OWN,
    "monitoring.observation._receive": "a line of the process that looks at the node",
    "node.facts.answers.containers": "an engine's other answers",
    "node.facts.container._read": "counters of the control group",
    "node.server_command._copy": "what `server VERB` keeps back to mask it",
    "octopus.applied_state._files": "the registry and the configuration file",
    "octopus.applied_state._files_digest": "the registry and the configuration file",
    "octopus.command_runner._read": "the output of a command",
    "octopus.http._body": "an answer of the server's API",
    "octopus.http.readinto": "the headers of an answer",
    "octopus.notes_file.__init__": "notes on what was configured",
    "octopus.shared_marks._version": "the version in a mark",
    "octopus.shared_marks.read": "marks of other nodes",
    "prepare.preflight.docker_in_docker._mounts": KERNEL,
    "prepare.schema.earlier_installation.first_file": "files of an earlier installation",
    "settings.secrets_memfd.learnt_secrets": "secrets that prepare tells process 1",
    "settings.secrets_memfd.unpack": OWN,
    "sqlserver.call_timeout.open_sockets": KERNEL,
    "sqlserver.connect._fetch": "SQL Server's answer to a question",
    "sqlserver.driver_manager._is_of_nobody_here": KERNEL,
    "sqlserver.driver_manager.libraries": "the ODBC drivers' configuration",
    "sqlserver.handshake._shake_hands": OWN,
    "sqlserver.network._told_port": "the SQL Server Browser's answer",
    "sqlserver.network.receive": "its caller's limit",
    "sqlserver.trust._contents": "certificates in a folder",
}


# what a limit counts that isn't bytes, or seconds by its name
UNITS = {
    "base.kept_log.LINES": "lines",
    "node.server_command._LONGEST": "characters",
    "octopus.applied_state._MAX_FILES": "files",
    "octopus.command_output.KEPT": "lines",
    "octopus.shared_marks.MOST": "marks",
    "octopus.version._LONGEST": "characters",
    "octopus.version_history.MOST": "rows",
    "prepare.schema.earlier_installation.MOST": "entries",
    "sqlserver.connect.MOST_ROWS": "rows",
    "sqlserver.handshake._MOST_PACKETS": "packets",
    "sqlserver.trust._MOST_FILES": "files",
}


def value(name: str) -> object:
    """Return the value of a constant."""
    module, _, constant = name.rpartition(".")
    return getattr(importlib.import_module(f"entrypoint.{module}"), constant)


def words(name: str) -> str:
    """Return a limit in words: what its name says that it counts."""
    found = value(name)
    number = max(found) if isinstance(found, tuple) else found
    assert isinstance(number, int | float)
    if "SECONDS" in name:
        return f"{number:g} s"
    if name in UNITS:
        return f"{number:,} {UNITS[name]}"
    for unit, size in (("MiB", 1 << 20), ("KiB", 1 << 10), ("MB", 1_000_000)):
        if number >= size and number % size == 0:
            return f"{int(number) // size} {unit}"
    return f"{number} bytes"


def rows() -> Iterator[str]:
    """Yield the rows of the table."""
    for limit in LIMITS:
        told = ", ".join(f"{words(name)} (`{name}`)" for name in limit.constants)
        yield f"| {limit.name} | {told} | {limit.beyond} |\n"
