"""The containers of each way: where the engine runs, and where the node would."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from container import engine, images
from container.containers import nested, unique
from container.engine import docker
from processes import ROOT, wait_until


HOME = "/home/octopus"
WORK = f"{HOME}/Work"
REGISTRY = "registry:5000"
_START = ("init", "--", "octo-node", "start-dockerd")
_BARE = ("--user=1001:0", "--read-only", "--cap-drop=ALL", "--tmpfs=/tmp:exec")
_ROOTLESS = (
    *("--cap-add=SETUID", "--cap-add=SETGID", f"--security-opt=seccomp={ROOT}/docker/seccomp/octo-node.json"),
    *("--security-opt=systempaths=unconfined", "--device=/dev/net/tun", "--volume=/var/lib/docker"),
)
_RESTRICTED = ("--security-opt=no-new-privileges",)


class Site:
    """A network with a registry, and what the containers of a way have in common."""

    def __init__(self, image: str, network: str, folder: Path) -> None:
        self.image = image
        self.network = network
        self.folder = folder
        self.address = ""  # the registry's
        self.engine = ""  # the container of the last engine that was started
        self.made: list[str] = []
        self.volumes: list[str] = []

    def run(self, name: str, *words: str) -> str:
        """Start a container in the background, and return its name."""
        self.made.append(name)
        docker("run", "--detach", "--name", name, *words)
        return name

    def volume(self) -> str:
        """Make a volume that user 1001 owns, and return its name."""
        name = unique("volume")
        self.volumes.append(name)
        # an empty one would get the owner of the image's folder each time that it is mounted; the engine makes the
        # folders above a mount root's
        script = "mkdir -p /v/.config/docker && chown -R 1001:0 /v"
        docker("run", "--rm", "--user=0", f"--volume={name}:/v", "--entrypoint=sh", self.image, "-c", script)
        return name

    def certificates(self) -> list[str]:
        """Return the options that have engine and client trust the registry: a rootless one looks into its home."""
        folders = ("/etc/docker/certs.d", f"{HOME}/.config/docker/certs.d")
        source = f"--mount=type=bind,source={self.folder}/ca.crt"
        return [f"{source},target={folder}/{REGISTRY}/ca.crt,readonly" for folder in folders]

    def close(self) -> None:
        """Take everything away."""
        docker("rm", "--force", "--volumes", *self.made, check=False)
        docker("volume", "rm", *self.volumes, check=False)


@contextmanager
def site(image: str) -> Iterator[Site]:
    """Give a site; its containers are of `image`, or of one that is built here."""
    image = image or images.rootless(images.node(images.octopus()))
    with tempfile.TemporaryDirectory() as folder, engine.network(unique("net")) as network:
        one = Site(image, network, Path(folder))
        try:
            _registry(one)
            yield one
        finally:
            one.close()


def _registry(one: Site) -> None:
    files = ("-keyout", f"{one.folder}/key", "-out", f"{one.folder}/ca.crt", "-days", "2", "-nodes")
    names = ("-subj", "/CN=registry", "-addext", "subjectAltName=DNS:registry")
    subprocess.run(
        [str(shutil.which("openssl")), "req", "-x509", "-newkey", "rsa:2048", *files, *names],
        check=True,
        capture_output=True,
    )
    both = one.folder / "both"
    both.write_text((one.folder / "key").read_text() + (one.folder / "ca.crt").read_text())
    program = Path(__file__).with_name("registry.py")
    mounts = (f"--volume={program}:/registry.py:ro", f"--volume={both}:/both:ro")
    options = ("--user=0", f"--network={one.network}", "--network-alias=registry", *mounts, "--entrypoint=python3")
    name = one.run(unique("registry"), *options, one.image, "/registry.py", "/both")
    wait_until(lambda: "listening" in docker("logs", name).stdout, 60, "the registry listens")
    template = f'{{{{(index .NetworkSettings.Networks "{one.network}").IPAddress}}}}'
    one.address = engine.ask("inspect", "--format", template, name)


def privileged(one: Site) -> tuple[str, str]:
    """Start dockerd in a privileged container; return where the node would be, and its DOCKER_HOST."""
    options, environ = nested()
    given = (*options, "--user=0", *(f"--env={name}={value}" for name, value in environ.items() if value))
    network = f"--network={one.network}"
    one.engine = name = one.run(unique("privileged"), *given, network, *one.certificates(), one.image, *_START)
    return name, "unix:///var/run/docker.sock"


def rootless(one: Site) -> tuple[str, str]:
    """Start a rootless engine in the node's own container."""
    volumes = (f"--volume={one.volume()}:{HOME}", f"--volume={one.volume()}:/run/octo-engine")
    given = (*_BARE, *_ROOTLESS, *volumes, *one.certificates(), "--env=OCTO_NODE_CONTAINERS=rootless")
    return _rootless(one, given), "unix:///run/octo-engine/docker.sock"


def sidecar(one: Site, options: tuple[str, ...] = (*_BARE, *_ROOTLESS)) -> tuple[str, str]:
    """Start a rootless engine beside a restricted container, which has its network, as in a pod."""
    shared = (f"--volume={one.volume()}:{HOME}", f"--volume={one.volume()}:/run/octo-engine")
    given = (*options, *shared, *one.certificates(), "--env=OCTO_NODE_CONTAINERS=rootless")
    beside = _rootless(one, given)
    idle = ("--entrypoint=sleep", one.image, "10000")
    name = one.run(
        unique("node"), *_BARE, *_RESTRICTED, *shared, *one.certificates(), f"--network=container:{beside}", *idle
    )
    return name, "unix:///run/octo-engine/docker.sock"


def chart(one: Site) -> tuple[str, str]:
    """Do the same as the chart and compose.sidecar.yaml: a plain user in a privileged container."""
    return sidecar(
        one, ("--user=1001:0", "--read-only", "--tmpfs=/tmp:exec", "--privileged", "--volume=/var/lib/docker")
    )


def _rootless(one: Site, given: tuple[str, ...]) -> str:
    network = f"--network={one.network}"
    one.engine = one.run(unique("rootless"), *given, network, f"--env=HOME={HOME}", one.image, *_START)
    return one.engine


WAYS = {
    "privileged": privileged,
    "rootless": rootless,
    "external: rootless sidecar": sidecar,
    "external: the chart's sidecar": chart,
}
