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


class BaseSettings:
    """What an environment says about this process and its children; times are in seconds, 0 for none.

    Attributes: `paths`, where things are; `run_dir`, the folder that is wanted for state files; `termination_log`, the
    file for the reason of a failed start; `log_format`, console or json; `drain_on_stop` and `stop_timeout`, times of
    a stop; `kept_secrets`, the names of those that Octopus.Server's environment keeps; `service_mode` of the server;
    `certificate_file` for https; `has_dockerd`, whether Docker-in-Docker is wanted; `dockerd_args` and
    `iptables_legacy`, as they were given; `search_path`, where programs are looked for; `value_names`, which values of
    the chart give which variables, as it was given.
    """

    __slots__ = (
        "certificate_file",
        "dockerd_args",
        "drain_on_stop",
        "has_dockerd",
        "iptables_legacy",
        "kept_secrets",
        "log_format",
        "paths",
        "run_dir",
        "search_path",
        "service_mode",
        "stop_timeout",
        "termination_log",
        "value_names",
    )

    def __init__(self, environment: "Environment") -> None:
        text = environment.text
        self.paths = Paths(
            text("OCTO_NODE_ROOT"), text("OCTO_NODE_SERVER_DIR"), text("OCTOPUS_SERVER_CONFIGURATION_DIRECTORY")
        )
        self.run_dir = text("OCTO_NODE_RUN_DIR")
        self.termination_log = text("OCTO_NODE_TERMINATION_LOG")
        self.log_format = text("OCTO_NODE_LOG_FORMAT")
        self.drain_on_stop = environment.seconds("OCTO_NODE_DRAIN_ON_STOP")
        self.stop_timeout = environment.seconds("OCTO_NODE_STOP_TIMEOUT")
        named = text("OCTO_NODE_KEEP_ENV").replace(",", " ").split()
        self.kept_secrets = tuple(name for name in named if name in variables.SECRETS)
        self.service_mode = text("SERVICE_MODE")
        self.certificate_file = text("SSL_CERTIFICATE_FILE")
        self.has_dockerd = not variables.is_yes(text("DISABLE_DIND"))
        self.dockerd_args = text("OCTO_NODE_DOCKERD_ARGS")
        self.iptables_legacy = text("DOCKER_IPTABLES_LEGACY")
        self.value_names = text("OCTO_NODE_VALUES")
        self.search_path = environment.public.get("PATH", os.defpath)
