"""How octo-node is started once more."""

import sys


def own(verb: str, *arguments: str) -> list[str]:
    """Return the arguments that start octo-node once more, just as it was started, with another verb."""
    given = len(sys.argv) - 1
    return [sys.executable, *sys.orig_argv[1 : len(sys.orig_argv) - given], verb, *arguments]
