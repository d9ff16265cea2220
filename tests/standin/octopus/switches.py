"""What isn't published of the real server, or differs between its ages: a switch each, with its values and its source.

A switch is a key of the control file or STANDIN_OCTOPUS_<NAME>; without one its value follows from the version.
The first value is the one that a test gets by chance, the others are those that the pairwise table tries as well.
"""

from dataclasses import dataclass

from . import about, control


UNKNOWN = "not published"


@dataclass(frozen=True)
class Switch:
    """One thing that may be this way or that.

    Attributes: `values`, those that are tried; `changes`, the value from a version on, in order, the first from the
    oldest on; `summary`, what it is; `source`, where it is published, or that it isn't.
    """

    name: str
    values: tuple[object, ...]
    changes: tuple[tuple[str, object], ...]
    summary: str
    source: str = UNKNOWN

    @property
    def default(self) -> object:
        """The value for this stand-in's version."""
        return next(value for since, value in reversed(self.changes) if not about.older_than(since))


def _switch(name: str, values: tuple[object, ...], summary: str, source: str = UNKNOWN, **later: object) -> Switch:
    """A switch whose first value is the default, unless `later` (v2024_4=32) gives another from a version on."""
    changes = [("0", values[0]), *((since[1:].replace("_", "."), value) for since, value in later.items())]
    return Switch(name, values, tuple(changes), summary, source)


_ALL = (
    _switch(
        "master_key_bytes",
        (16, 32),
        "size of the master key that it draws; 32 bytes are taken by those that draw them, 16 by all",
        "Issues 9104, 9474",
        v2024_4=32,
    ),
    _switch(
        "show_master_key",
        ("line", "unterminated", "banner"),
        "the key on a line, without an end of line, or below a line with the version",
        "docs: show-master-key has an example of the bare key; the rest isn't published",
    ),
    _switch(
        "login_provider",
        ("off", "on"),
        "whether people can log in with user name and password before `configure --usernamePasswordIsEnabled=True`",
        "UsernamePasswordAuthenticationProvider's DatabaseInitializer (off); today's isn't published",
    ),
    _switch(
        "fresh_users",
        ("none", "guest"),
        "the users of a new database before `admin`",
    ),
    _switch(
        "schema_per",
        ("release", "version"),
        "whether each release or each build brings scripts of its own",
        "docs: upgrading (builds of a release are safe both ways); Issues 7790 (a build that brought a script)",
    ),
    _switch(
        "license_required",
        (False, True),
        "a schema isn't upgraded without a licence",
        "Issues 9828, 7266",
        v2025_1=True,
    ),
    _switch(
        "license_free",
        ("known", "unknown", "fails"),
        "`license --free`",
        "docs pull request 261 took it from the page; the Linux image's first documents name a free licence",
        v2021_1="unknown",
    ),
    _switch(
        "drain_exit",
        ("waited", "never", "always"),
        "when `node --drain=true` ends with 1 because tasks are left: after --wait, never, always; the flag is set",
    ),
    _switch("term_exit", (0, 143), "exit code of `run` after a signal", ".NET's own would be 143; not published"),
    _switch(
        "stop_tasks",
        ("canceled", "left"),
        "what an orderly stop makes of running tasks: canceled, or left for the next start",
        "Issues 5174 (open)",
    ),
    _switch(
        "stack_lines", (40, 3), "lines of the stack trace of an unhandled exception, its message first", "Issues 4742"
    ),
    _switch("ansi", (False, True), "colour codes around errors"),
    _switch("unterminated", (False, True), "the last line that a command prints has no end of line"),
    _switch(
        "refusal",
        ("running", "note"),
        "the words of the refusal because other nodes run",
        "Issues 8241 (that it is refused, and the release note); the words aren't published",
    ),
    _switch(
        "create_exit",
        (0, 1),
        "exit code of `database --create` on a schema that is there",
        "docs: database (it does nothing)",
    ),
    _switch("wrong_key_exit", (1, 100), "exit code of `database` with another master key than the database's"),
    _switch("upgrade_status_exit", (0, 1), "exit code of `database-upgrade-status` when one is due", "Issues 8307"),
    _switch(
        "schema",
        ("status", "classic", "bare"),
        "for a new database: the sign of life in OctopusServerNodeStatus, in OctopusServerNode, or in no column; "
        "`bare` has no [User] and no OctopusServerInstallationHistory either",
        "Issues 5729 (the table of its own, 2019)",
    ),
    _switch(
        "status_key",
        ("Id", "NodeId", "OctopusServerNodeId"),
        "for a new database: the key of OctopusServerNodeStatus",
        "the columns aren't published",
    ),
    _switch(
        "status_offline",
        (True, False),
        "for a new database: whether OctopusServerNodeStatus has IsOffline; without, LastSeen is NULL after a stop",
        "the columns aren't published",
    ),
    _switch(
        "version_column",
        ("text", "empty", "max", "binary"),
        "for a new database: Version in OctopusServerInstallationHistory: text, always NULL, nvarchar(max), bytes",
        "Issues 5679 (NULL)",
    ),
    _switch(
        "history",
        ("once", "changed", "each"),
        "when a node notes its version: once for each, when it is another one than it noted last, at each start",
        "Issues 4194 (when each node got upgraded to a version)",
    ),
    _switch("node_id", ("name", "number"), "a node's Id: OctopusServerNodes-<name> or OctopusServerNodes-<number>"),
    _switch("clock", (0, -3600, 3.15e8), "seconds by which the clock of the node that gives a heartbeat is off"),
    _switch(
        "hosted_internal",
        ("status", "missing"),
        "/api/serverstatus/hosted/internal: 503 then 200, or 404",
        "docs: the container's readiness probe (a status of 2xx); the rest isn't published",
    ),
    _switch("ping_body", ("node", "empty"), "the ping's body", "the API's public description (no fields)"),
    _switch(
        "rate_limit",
        (0, 100),
        "requests a minute from one address, then 429; 0 for no limit",
        "Issues 10155 (on by default for instances made with 2026.3 or later); the figures aren't published",
        v2026_3=100,
    ),
    _switch("rate_limit_ping", (False, True), "whether the ping counts and is limited too"),
    _switch("retry_after", ("seconds", "date", "none"), "the Retry-After of a 429", "RFC 9110, section 10.2.3"),
)
BY_NAME = {switch.name: switch for switch in _ALL}


def value(name: str) -> object:
    """The value of a switch: as set, or as this stand-in's version has it."""
    return control.setting(name, BY_NAME[name].default)


def on(name: str) -> bool:
    """Whether a switch with the values true and false is on."""
    return control.is_true(value(name))


def number(name: str) -> float:
    """The value of a switch that is a number."""
    return float(str(value(name)))
