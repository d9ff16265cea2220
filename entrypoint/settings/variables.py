"""Every environment variable that octo-node knows, declared once.

`docs/environment.md` is made from this file (`scripts/docs`). Light: process 1 needs the names of the secrets
and a few values.
"""


class Variable:
    """One variable: its name, what kind of value it takes, its default as text, and a sentence on it.

    A `secret` is kept from logs, state files, and the processes octo-node starts. `kind` names a parser of
    `parsers.py`; one of words is written `a|b`.
    """

    __slots__ = ("default", "kind", "name", "secret", "sentence")

    def __init__(self, name: str, kind: str, sentence: str, default: str = "", *, secret: bool = False) -> None:
        self.name = name
        self.kind = kind
        self.sentence = sentence
        self.default = default
        self.secret = secret

    @property
    def ours(self) -> bool:
        """Whether octo-node brought this variable; the others are the official image's."""
        return self.name.startswith(("OCTO_NODE_", "DOCKER_"))


V = Variable
VARIABLES = (
    V("ACCEPT_EULA", "text", "`Y`, and only that, accepts the licence agreement at https://octopus.com/company/legal."),
    V(
        "DB_CONNECTION_STRING",
        "connection",
        "ADO.NET connection string of the Octopus database.",
        secret=True,
    ),
    V("MASTER_KEY", "key", "Base64 of the 16 or 32 bytes that protect the database's secrets.", secret=True),
    V("OCTOPUS_SERVER_BASE64_LICENSE", "licence", "Base64 of the licence's XML.", secret=True),
    V("OCTOPUS_SERVER_NODE_NAME", "text", "Name of this node; the host's name, up to its first dot, if not set."),
    V("ADMIN_USERNAME", "text", "Name of the administrator to create.", "admin"),
    V("ADMIN_PASSWORD", "text", "Password of the administrator.", secret=True),
    V("ADMIN_EMAIL", "text", "E-mail address of the administrator.", "octopus@example.local"),
    V(
        "ADMIN_API_KEY",
        "apikey",
        "API key of the administrator; without a password the account is a service account.",
        secret=True,
    ),
    V("ADMIN_EXTERNAL_ID", "text", "External identity of the administrator."),
    V("ADMIN_OIDCIDENTITY_NAME", "text", "Name of the administrator's OpenID Connect identity."),
    V("ADMIN_OIDCIDENTITY_ISSUER", "text", "Issuer of that identity."),
    V("ADMIN_OIDCIDENTITY_SUBJECT", "text", "Subject of that identity."),
    V("ADMIN_OIDCIDENTITY_AUDIENCE", "text", "Audience of that identity."),
    V("OCTOPUS_SERVER_URI", "text", "Public address of Octopus."),
    V(
        "TASK_CAP",
        "count",
        "Number of tasks this node runs at once; 0 makes it a node for the web portal only.",
    ),
    V("DISABLE_DIND", "flag", "`Y` starts no dockerd; the container then needs no privileges."),
    V(
        "DOCKER_HOST",
        "text",
        "Where the engine of `OCTO_NODE_CONTAINERS=external` listens, `unix:///PATH` or `tcp://NAME:PORT`; otherwise "
        "it is only handed on to Octopus.Server.",
    ),
    V(
        "DOCKER_IPTABLES_LEGACY",
        "flag",
        "Whether dockerd uses iptables-legacy (no: iptables-nft), as in Docker's own image; if not set, it does where "
        "there are legacy tables already, else the first that works: the image's iptables, nft, legacy.",
    ),
    V("SSL_CERTIFICATE_FILE", "path", "File with the certificate for https."),
    V("SSL_CERTIFICATE_PASSWORD", "text", "Password of that file.", secret=True),
    V("HTTPS_PORT", "port", "Port for https.", "443"),
    V("WEB_FORCE_SSL", "flag", "Whether http is redirected to https, if there is a certificate.", "True"),
    V("OCTOPUS_GRPC_SERVICES_PORT", "port", "Port for gRPC; the server's own default is 8443."),
    V("ENABLE_INSECURE_GRPC_LISTENER", "flag", "Whether gRPC is also offered without TLS."),
    V("ENABLE_USAGE", "flag", "`N` sends no usage data.", "Y"),
    V("SERVICE_MODE", "text", "Passed to the server as `--service-mode`."),
    V("IMPORT_PASSWORD", "text", "Password of the export in /import.", secret=True),
    V("SKIP_IMPORT_VERSION_CHECK", "flag", "Whether an export of another version is imported."),
    V("OCTOPUS_SERVER_CONFIGURATION_DIRECTORY", "path", "Folder of the instance's configuration and logs."),
    V("OCTO_NODE_SQL_WAIT", "seconds", "Seconds to wait for SQL Server.", "600"),
    V(
        "OCTO_NODE_UPGRADE_WAIT",
        "seconds",
        "Seconds to wait for nodes of another version to stop, or for another node's migration.",
        "1800",
    ),
    V(
        "OCTO_NODE_DRAIN_ON_STOP",
        "seconds",
        "Seconds to drain for on a stop; leave it unset if a preStop hook drains.",
    ),
    V(
        "OCTO_NODE_STOP_TIMEOUT",
        "seconds",
        "Seconds Octopus.Server gets between TERM and KILL. `docker stop` itself waits only 10 seconds "
        "if it isn't given more (`--time`, `stop_grace_period`).",
        "30",
    ),
    V(
        "OCTO_NODE_HOLD",
        "flag",
        "`Y` configures the node, then waits without starting Octopus.Server, for repairs in a container that stays, "
        "even one that can't be configured.",
    ),
    V(
        "OCTO_NODE_NEW_DATABASE",
        "flag",
        "`Y` creates a new database even if there are files of an earlier installation in the shared folders.",
    ),
    V("OCTO_NODE_UNDRAIN", "always|never", "Whether a node that comes up drained is undrained.", "always"),
    V("OCTO_NODE_APPLY", "changed|all", "Which configure commands a start runs.", "changed"),
    V(
        "OCTO_NODE_SKIP_COMMANDS",
        "verbs",
        "Configure commands that are left out, such as `license,path`, with a warning at each start.",
    ),
    V(
        "OCTO_NODE_EXTRA_OPTIONS",
        "options",
        "More options for configure commands, quoted as in a shell: `configure --hstsEnabled=True; path "
        "--imports=/imports`. No secrets, and none that octo-node sets itself.",
    ),
    V(
        "OCTO_NODE_API_KEY",
        "apikey",
        "API key for counting and cancelling tasks; ADMIN_API_KEY if not set.",
        secret=True,
    ),
    V(
        "OCTO_NODE_RUN_DIR",
        "path",
        "Folder of the state files; /tmp/octo-node-UID where others can write to it, or we can't.",
        "/run/octo-node",
    ),
    V(
        "OCTO_NODE_HTTP",
        "listen",
        "Address and port, such as `0.0.0.0:9464`, `[::]:9464` or `:9464` for every address, on which octo-node offers "
        "`/metrics`, `/livez`, `/readyz`, `/startupz` and a page; nothing is offered if it isn't set.",
    ),
    V("OCTO_NODE_LOG_FORMAT", "console|json", "Format of the log lines.", "console"),
    V(
        "OCTO_NODE_WRAP_SERVER_LOG",
        "flag",
        "With `OCTO_NODE_LOG_FORMAT=json`: `Y` wraps each line of Octopus.Server's in a JSON object of the same form.",
    ),
    V(
        "OCTO_NODE_CONTAINERS",
        "privileged|none|external|rootless",
        "Which engine runs execution containers: dockerd in a privileged container, none (as `DISABLE_DIND=Y`), one "
        "that runs elsewhere, such as in a sidecar, or a rootless dockerd in an unprivileged container. `privileged` "
        "if not set, or `none` with `DISABLE_DIND=Y`.",
    ),
    V(
        "OCTO_NODE_DOCKERD_ARGS",
        "dockerd",
        "More arguments for dockerd, quoted as in a shell, such as `--mtu=1400`; a tcp host only with `--tlsverify`.",
    ),
    V(
        "OCTO_NODE_SERVER_DIR",
        "path",
        "Folder of Octopus.Server, or of Octopus.Server.dll, which is then run by `dotnet`.",
        "/Octopus",
    ),
    V(
        "OCTO_NODE_KEEP_ENV",
        "secrets",
        "Secret variables, separated by commas, that stay in Octopus.Server's environment.",
    ),
    V(
        "OCTO_NODE_TERMINATION_LOG",
        "path",
        "File for the reason of a failed start, written only if it exists.",
        "/dev/termination-log",
    ),
    V(
        "OCTO_NODE_VALUES",
        "text",
        "Which values of the Helm chart give these variables (`MASTER_KEY=octopus.masterKey,...`): messages that name "
        "one name its value too.",
    ),
    V("OCTO_NODE_WEB_PORT", "port", "Port for http, on which this node is also probed.", "8080"),
    V("OCTO_NODE_ROOT", "path", "Prefix of the image's own paths, such as /repository.", "/"),
)
BY_NAME = {variable.name: variable for variable in VARIABLES}
SECRETS = frozenset(variable.name for variable in VARIABLES if variable.secret)
OIDC = tuple(name for name in BY_NAME if name.startswith(("ADMIN_OIDC", "ADMIN_EXTERNAL")))


def is_yes(text: str) -> bool:
    """Return whether `text` is one of the words for yes."""
    return text.lower() in {"y", "yes", "true", "1", "on"}


def is_no(text: str) -> bool:
    """Return whether `text` is one of the words for no."""
    return text.lower() in {"n", "no", "false", "0", "off"}
