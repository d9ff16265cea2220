"""Checks whether the settings for execution containers fit together, whichever engine runs them."""

import shutil
from collections.abc import Iterator

from entrypoint.base import engine
from entrypoint.settings.base_settings import EXTERNAL, NONE, PRIVILEGED, ROOTLESS, BaseSettings
from entrypoint.settings.configuration import Settings


def contradictions(options: Settings) -> Iterator[str]:
    """Yield a sentence for each two settings of which one would have no effect, or the opposite one."""
    wish, host = options.octo_node_containers, options.docker_host
    if options.disable_dind and wish not in {None, NONE}:
        yield (
            f"DISABLE_DIND=Y wants no engine for execution containers, but OCTO_NODE_CONTAINERS is {wish}: take one of "
            "the two away."
        )
    elif wish == EXTERNAL:
        yield from _external(host)
    elif wish == PRIVILEGED and _is_other(options.base, host):
        yield (
            f"OCTO_NODE_CONTAINERS=privileged starts a dockerd that nobody would ask, because DOCKER_HOST sends "
            f"Octopus.Server to {host}: take DOCKER_HOST away, or set OCTO_NODE_CONTAINERS=external."
        )


def warnings(base: BaseSettings, options: Settings) -> Iterator[str]:
    """Yield a sentence for each setting that has no effect, or one that is easily missed."""
    wish, host = options.octo_node_containers, options.docker_host
    if base.containers == PRIVILEGED and wish is None and _is_other(base, host):
        yield (
            f"DOCKER_HOST sends Octopus.Server to the engine at {host}, so nobody asks the dockerd that octo-node "
            "starts: set OCTO_NODE_CONTAINERS=external, which starts none and needs no privileges."
        )
    if base.containers in {EXTERNAL, ROOTLESS} and shutil.which("docker", path=base.search_path) is None:
        yield (
            "There is no docker on PATH, with which Octopus.Server asks the engine, so steps in containers fail: "
            "put Docker's client into the image (a -hardened one has none)."
        )
    if base.containers == EXTERNAL:
        if base.dockerd_args or base.iptables_legacy:
            yield (
                "OCTO_NODE_DOCKERD_ARGS and DOCKER_IPTABLES_LEGACY have no effect on an engine that octo-node doesn't "
                "start: take them away."
            )
        if _is_open(base.engine):
            yield (
                f"The engine at {base.engine} is asked without TLS: whoever reaches that address has its machine. Use "
                "a unix socket, or an address that only this node reaches."
            )


def _external(host: str | None) -> Iterator[str]:
    if host is None:
        yield (
            "OCTO_NODE_CONTAINERS=external uses an engine that runs elsewhere, but DOCKER_HOST doesn't say where: set "
            "it, as in DOCKER_HOST=unix:///run/octo-engine/docker.sock."
        )
        return
    try:
        engine.place(host)
    except ValueError as error:
        yield f"DOCKER_HOST {error}"


def _is_other(base: BaseSettings, host: str | None) -> bool:
    """Return whether `host` is another engine than the dockerd that octo-node starts."""
    ours = base.paths.docker_socket
    return host is not None and host not in {f"unix://{ours}", f"unix://{ours.replace('/var/run/', '/run/')}"}


def _is_open(host: str) -> bool:
    try:
        found = engine.place(host)
    except ValueError:
        return False  # it is refused
    return isinstance(found, tuple) and found[0] not in {"localhost", "::1"} and not found[0].startswith("127.")
