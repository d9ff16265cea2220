"""Where things are in the official image (its documentation, and `octopus-in-kubernetes` for the folders)."""

import os


INSTANCE = "OctopusServer"


class Paths:
    """The files and folders of a node, below `root`, which is OCTO_NODE_ROOT.

    `server` is the folder of Octopus.Server, `home` that of the instance's configuration and logs, empty for the
    image's own.

    Attributes: `config_file`, the instance's configuration, and `log_file`, the server's own log; `registry`, the
    folder of the instance registry and of the machine key that encrypts configuration files; `master_key_file`, where
    the image keeps a master key that was generated for a new database; `import_folder`, where an export to import is
    mounted; `docker_socket` and `docker_data`, where dockerd is asked and keeps its images if it isn't told other
    places; `engine_folder`, where the socket of a rootless engine is, if that folder is there; `cgroups`, where the
    kernel shows them.
    """

    __slots__ = (
        "_prefix",
        "cgroups",
        "config_file",
        "docker_data",
        "docker_socket",
        "engine_folder",
        "home",
        "import_folder",
        "is_moved",
        "log_file",
        "master_key_file",
        "registry",
        "server",
    )

    def __init__(self, root: str, server: str, home: str) -> None:
        self._prefix = root.rstrip("/")
        self.is_moved = root != "/"
        self.server = server
        self.home = home or self.under_root(f"/home/octopus/.octopus/{INSTANCE}/Server")
        self.config_file = f"{self.home}/{INSTANCE}.config"
        self.log_file = f"{self.home}/Logs/OctopusServer.txt"
        self.registry = self.under_root("/etc/octopus")
        self.master_key_file = self.under_root(f"/masterKey/{INSTANCE}")
        self.import_folder = self.under_root("/import")
        self.docker_socket = self.under_root("/var/run/docker.sock")
        self.docker_data = self.under_root("/var/lib/docker")
        self.engine_folder = self.under_root("/run/octo-engine")
        self.cgroups = self.under_root("/sys/fs/cgroup")

    def under_root(self, path: str) -> str:
        """Return `path`, an absolute one of the image, below the root."""
        return self._prefix + path

    def server_command(self) -> list[str] | None:
        """Return the arguments that start Octopus.Server, without a verb; None if it isn't there.

        Older images have only the assembly, which `dotnet` runs.
        """
        executable, assembly = f"{self.server}/Octopus.Server", f"{self.server}/Octopus.Server.dll"
        if os.path.isfile(executable):
            return [executable]
        return ["dotnet", assembly] if os.path.isfile(assembly) else None
