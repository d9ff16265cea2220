"""What can be known of the container: settings, files, folders, memory, the time that a stop takes."""

from collections.abc import Iterator

from entrypoint.dockerd import ping
from entrypoint.node.drain import GRACE_SECONDS
from entrypoint.node.facts import container
from entrypoint.prepare.preflight import checks, docker_in_docker, rootless_engine
from entrypoint.settings.base_settings import EXTERNAL, NONE, PRIVILEGED, ROOTLESS, BaseSettings
from entrypoint.settings.configuration import Configuration

from .findings import Finding, failed, passed, unknown, warned


DEFAULT_CAP = 5  # tasks, where nobody set a cap (documentation, `increase-the-octopus-server-task-cap`)
# memory of a container by its task cap: the least, and what is recommended, in MiB (documentation, high availability)
SIZES = ((10, 1500, 3000), (20, 3072, 6144), (40, 4096, 8192), (80, 5120, 10240), (160, 6144, 12288))
DOCKERD_SECONDS = 20.0  # that a stop gives dockerd
MEBIBYTE = 1 << 20
_POSSIBLE = {PRIVILEGED: "Docker-in-Docker is possible.", ROOTLESS: "A rootless engine is possible."}


def settings(configuration: Configuration) -> Iterator[Finding]:
    """Look at the variables, and at the files that they name."""
    problems = checks.settings_problems(configuration)
    warnings = [*configuration.warnings(), *checks.trust_warnings()]
    yield from (failed("settings", code, sentence) for code, sentence in problems)
    yield from (warned("settings", sentence) for sentence in warnings)
    if not problems:
        yield passed("settings", "All variables can be used as they are.")


def files(base: BaseSettings) -> Iterator[Finding]:
    """Look at the server's executable, and at the certificate's file."""
    problems = checks.file_problems(base)
    yield from (failed("files", code, sentence) for code, sentence in problems)
    if not problems:
        yield passed("files", f"Octopus.Server is {' '.join(base.paths.server_command() or [])}.")


def engine(configuration: Configuration) -> Iterator[Finding]:
    """Look at what the engine of execution containers needs, if one is wanted."""
    base = configuration.base
    problems = [*docker_in_docker.problems(base), *rootless_engine.problems(base)]
    warnings = checks.container_warnings(configuration)
    yield from (failed("docker", code, sentence) for code, sentence in problems)
    yield from (warned("docker", sentence) for sentence in warnings)
    if base.containers == EXTERNAL:
        yield _external(base)
    elif not problems:
        yield passed("docker", _POSSIBLE.get(base.containers, "No engine for execution containers is wanted."))
    if problems:
        yield unknown("docker", _ways(base))


def _ways(base: BaseSettings) -> str:
    """Return which ways to run execution containers this container allows, and what the others lack."""
    lacks = {PRIVILEGED: list(docker_in_docker.missing()), ROOTLESS: rootless_engine.missing(base)}
    here = [NONE, EXTERNAL, *(way for way, missing in lacks.items() if not missing)]
    told = [f"Not {way}, because {'; '.join(missing)}." for way, missing in lacks.items() if missing]
    return f"Possible here (OCTO_NODE_CONTAINERS): {', '.join(here)}. {' '.join(told)}".rstrip()


def _external(base: BaseSettings) -> Finding:
    reason = ping.problem(base.engine)
    if reason is None:
        return passed("docker", f"The engine at {base.engine} answers.")
    sentence = (
        f"The engine at {base.engine} doesn't answer: {reason}. A start waits for it, but for half a minute only."
    )
    return warned("docker", sentence)


def memory(base: BaseSettings, cap: int | None) -> Iterator[Finding]:
    """Compare the container's memory limit with what the makers give to this task `cap` (None: nobody set one)."""
    limit = container.look(base.paths, {})["memory_limit_bytes"]
    if limit is None:
        yield passed("memory", "The container has no memory limit.")
        return
    tasks = DEFAULT_CAP if cap is None else cap
    least, recommended = next(((low, high) for most, low, high in SIZES if tasks <= most), SIZES[-1][1:])
    has = f"{limit / MEBIBYTE:.0f} MiB of memory for {tasks} tasks at once"
    if limit < least * MEBIBYTE:
        yield warned(
            "memory",
            f"The container has {has}; the makers' sizing begins at {least} MiB and goes to {recommended}: raise the "
            "limit (`--memory`, resources.limits), or lower TASK_CAP.",
        )
    else:
        yield passed("memory", f"The container has {has} (the makers' sizing: {least} to {recommended} MiB).")


def stop_time(base: BaseSettings) -> Iterator[Finding]:
    """Say how long a stop may take: the grace period that the container has for it can't be seen from inside."""
    drain = base.drain_on_stop + GRACE_SECONDS if base.drain_on_stop else 0.0
    parts = {
        "drain": drain,
        "Octopus.Server": base.stop_timeout,
        "dockerd": DOCKERD_SECONDS if base.containers in {PRIVILEGED, ROOTLESS} else 0.0,
    }
    told = ", ".join(f"{name} {seconds:g}" for name, seconds in parts.items() if seconds)
    yield unknown(
        "stop",
        f"A stop may take {sum(parts.values()):g} s ({told}). Whether the container has that long can't be seen from "
        "inside: `docker stop` gives 10 s without `--time` or stop_grace_period, Kubernetes "
        "terminationGracePeriodSeconds, out of which a preStop hook is taken, too.",
    )
