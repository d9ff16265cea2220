"""structlog for heavy processes: the same lines as process 1's, with every secret masked."""

import os
import sys
from collections.abc import Iterable, Mapping, MutableMapping

import structlog

from . import log, mask, variables


Logger = structlog.typing.FilteringBoundLogger


def logger(process: str, secrets: Iterable[str], environ: Mapping[str, str] = os.environ) -> Logger:
    """Return the logger of `process`; it writes to stderr, with the values `secrets` masked."""
    hidden = list(secrets)
    style = variables.value_or_default("OCTO_NODE_LOG_FORMAT", environ)

    def render(_logger: object, level: str, entry: MutableMapping[str, object]) -> bytes:
        event = mask.mask(str(entry.pop("event")), hidden)
        told = {k: mask.mask(v, hidden) if isinstance(v, str) else v for k, v in entry.items()}
        return log.line(style, process, level, event, told).removesuffix(b"\n")

    bound: Logger = structlog.wrap_logger(
        structlog.BytesLogger(sys.stderr.buffer),
        processors=[render],
        wrapper_class=structlog.make_filtering_bound_logger("debug"),
    )
    return bound
