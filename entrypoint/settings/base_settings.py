"""The settings that every process of octo-node needs: where things are, and how long what may take.

Nothing here is refused: where a value can't be used its default stands, and preflight reports it (`configuration.py`).
Light: process 1 keeps it for life.
"""

import os

from . import variables
from .paths import Paths


TYPE_CHECKING = False
if TYPE_CHECKING:
    from .environment import Environment


# ways to run execution containers
PRIVILEGED, NONE, EXTERNAL, ROOTLESS = "privileged", "none", "external", "rootless"
WAYS = (PRIVILEGED, NONE, EXTERNAL, ROOTLESS)


class BaseSettings:
    """What an environment says about this process and its children; times are in seconds, 0 for none.

    Attributes: `paths`, where things are; `run_dir`, the folder that is wanted for state files; `termination_log`,
    the file for the reason of a failed start; `log_format`, console or json, and `wraps_server_log`, whether the
    server's lines get that form, too; `drain_on_stop` and `stop_timeout`, times of a stop; `kept_secrets`, the names
    of those that Octopus.Server's environment keeps; `service_mode` of the server; `certificate_file` for https;
    `node_name`, the node's name in Octopus; `hold`, whether the server isn't to be started; `containers`, the way
    that execution containers are run, and `engine`, where the engine for them listens, empty for none;
    `runtime_folder`, where a rootless engine has its sockets and locks; `dockerd_args` and `iptables_legacy`, as they
    were given; `http`, address and port for metrics, probes and the page, as they were given; `search_path`, where
    programs are looked for; `value_names`, which values of the chart give which variables, as it was given.
    """

    __slots__ = (
        "certificate_file",
        "containers",
        "dockerd_args",
        "drain_on_stop",
        "engine",
        "hold",
        "http",
        "iptables_legacy",
        "kept_secrets",
        "log_format",
        "node_name",
        "paths",
        "run_dir",
        "runtime_folder",
        "search_path",
        "service_mode",
        "stop_timeout",
        "termination_log",
        "value_names",
        "wraps_server_log",
    )

    def __init__(self, environment: "Environment") -> None:
        text = environment.text
        self.paths = Paths(
            text("OCTO_NODE_ROOT"), text("OCTO_NODE_SERVER_DIR"), text("OCTOPUS_SERVER_CONFIGURATION_DIRECTORY")
        )
        self.run_dir = text("OCTO_NODE_RUN_DIR")
        self.termination_log = text("OCTO_NODE_TERMINATION_LOG")
        self.log_format = text("OCTO_NODE_LOG_FORMAT")
        self.wraps_server_log = self.log_format == "json" and variables.is_yes(text("OCTO_NODE_WRAP_SERVER_LOG"))
        self.drain_on_stop = environment.seconds("OCTO_NODE_DRAIN_ON_STOP")
        self.stop_timeout = environment.seconds("OCTO_NODE_STOP_TIMEOUT")
        named = text("OCTO_NODE_KEEP_ENV").replace(",", " ").split()
        self.kept_secrets = tuple(name for name in named if name in variables.SECRETS)
        self.service_mode = text("SERVICE_MODE")
        # .NET's Environment.MachineName is the server's own default
        self.node_name = text("OCTOPUS_SERVER_NODE_NAME") or _machine_name()
        self.hold = variables.is_yes(text("OCTO_NODE_HOLD"))
        self.certificate_file = text("SSL_CERTIFICATE_FILE")
        default = NONE if variables.is_yes(text("DISABLE_DIND")) else PRIVILEGED
        wish = text("OCTO_NODE_CONTAINERS").lower()
        self.containers = wish if wish in WAYS else default
        self.runtime_folder = environment.public.get("XDG_RUNTIME_DIR") or _own_folder()
        self.engine = self._engine(text("DOCKER_HOST"))
        self.dockerd_args = text("OCTO_NODE_DOCKERD_ARGS")
        self.iptables_legacy = text("DOCKER_IPTABLES_LEGACY")
        self.http = text("OCTO_NODE_HTTP")
        self.value_names = text("OCTO_NODE_VALUES")
        self.search_path = environment.public.get("PATH", os.defpath)

    @property
    def engine_environment(self) -> dict[str, str]:
        """What leads Octopus.Server to an engine that doesn't listen where clients look by themselves."""
        return {"DOCKER_HOST": self.engine} if self.containers in {EXTERNAL, ROOTLESS} else {}

    def _engine(self, docker_host: str) -> str:
        if self.containers == EXTERNAL:
            return docker_host
        if self.containers == ROOTLESS:
            shared = self.paths.engine_folder
            return f"unix://{shared if os.path.isdir(shared) else self.runtime_folder}/docker.sock"
        return "" if self.containers == NONE else f"unix://{self.paths.docker_socket}"


def _own_folder() -> str:
    return f"/tmp/octo-engine-{os.getuid()}"  # noqa: S108 - only used if it is ours alone


def _machine_name() -> str:
    name = os.uname().nodename
    return name.partition(".")[0] or name
