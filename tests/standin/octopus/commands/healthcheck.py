"""container-healthcheck: what the hardened image asks instead of curl."""

import http.client
import os
import ssl

from standin.octopus import instances
from standin.octopus.failures import ControlledFailureError
from standin.octopus.log import say
from standin.octopus.options import Options


TIMEOUT = 10
HEALTHY = {200, 418}


def container_healthcheck(options: Options) -> int:
    """Ask /ping on this machine; a draining node is healthy."""
    port = _port(options)
    connection: http.client.HTTPConnection
    if os.environ.get("SSL_CERTIFICATE_FILE"):
        context = ssl._create_unverified_context()  # noqa: S323, SLF001 - as curl -k
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=TIMEOUT, context=context)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        connection.request("GET", "/ping")
        status = connection.getresponse().status
    except OSError as error:
        raise ControlledFailureError(f"The server does not answer: {error}") from error
    finally:
        connection.close()
    say(f"The server answered {status}.")
    return 0 if status in HEALTHY else 1


def _port(options: Options) -> int:
    """The first port the instance listens on."""
    from standin.octopus.server.prefixes import listeners  # noqa: PLC0415 - only this verb needs it

    return listeners(instances.chosen(options).get(instances.LISTEN_PREFIXES))[0].port
