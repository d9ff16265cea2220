"""A free licence for a new database without one, as the documentation of the image promises."""

from collections.abc import Callable

from entrypoint.octopus.command_runner import CommandError
from entrypoint.octopus.version import parse
from entrypoint.prepare.context import Context


# `--free` left the documentation in 2018 (docs pull request 261), the makers' own scripts (OctopusDSC) used it with any
# version until 2024, and since 2025 an installation has to bring a licence of its own (OctopusDeploy issue 9828)
_FREE_UNTIL = parse("2025.1")


def try_free(context: Context, tick: Callable[[], None]) -> None:
    """Request a free licence from the server if none is set, and log the result. A refusal is not an error.

    `tick` is called meanwhile, and may raise.
    """
    settings = context.settings
    if settings.octopus_server_base64_license or "license" in (settings.octo_node_skip_commands or ()):
        return
    if _FREE_UNTIL is not None and context.version < _FREE_UNTIL:
        try:
            context.instance.configure("license", ["--free"], tick)
        except CommandError:
            pass
        else:
            context.log.info("No licence is set: the new database got a free one, by `license --free`.")
            return
    context.log.warning(
        f"No licence is set, and version {context.version} issues no free one: set "
        "OCTOPUS_SERVER_BASE64_LICENSE to the base64 of a licence's XML (from https://oc.to/ControlCenter). Without "
        "one, Octopus may refuse to deploy, and to be upgraded."
    )
