"""structlog for heavy processes: the same lines as process 1's, with every secret masked."""

import os
from collections.abc import Collection, Mapping, MutableMapping

import structlog

from . import log, mask, variables


Logger = structlog.typing.FilteringBoundLogger


class _Stderr:
    """Standard error, as far as it can be written: nobody who reads the log is no reason to fail."""

    def msg(self, line: bytes) -> None:
        """Write one line."""
        try:
            os.write(2, line)
        except OSError:
            pass

    debug = info = warning = error = msg


def logger(process: str, secrets: Collection[str], environ: Mapping[str, str] = os.environ) -> Logger:
    """Return the logger of `process`; it writes to stderr, with the values `secrets` masked.

    `secrets` may grow meanwhile.
    """
    style = variables.value_or_default("OCTO_NODE_LOG_FORMAT", environ)

    def render(_logger: object, level: str, entry: MutableMapping[str, object]) -> bytes:
        event = mask.mask(str(entry.pop("event")), secrets)
        told = {k: mask.mask(v, secrets) if isinstance(v, str) else v for k, v in entry.items()}
        return log.line(style, process, level, event, told)

    bound: Logger = structlog.wrap_logger(
        _Stderr(),
        processors=[render],
        wrapper_class=structlog.make_filtering_bound_logger("debug"),
    )
    return bound
