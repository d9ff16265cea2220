"""The time limit of the next login.

Short at first, so that a server that hangs is asked again soon. A login that timed out may only have been slow, and
each that is given up loads a slow server more: so the next is given longer, up to what the connection string says.
"""

import math

from .connect import LONGEST_LOGIN, ConnectError
from .connection_string import ConnectionString
from .error_classes import TIMED_OUT


FIRST_SECONDS = 4.0


def longest_login(connection_string: ConnectionString) -> int:
    """Return the seconds that one login may take where nothing else limits it: its `Connect Timeout`, within reason."""
    return min(connection_string.connect_timeout or LONGEST_LOGIN, LONGEST_LOGIN)


class LoginTimeouts:
    """The time limits of repeated logins with one connection string; a `Connect Timeout` of 0 means no limit."""

    def __init__(self, connection_string: ConnectionString, first: float = FIRST_SECONDS) -> None:
        self._longest = connection_string.connect_timeout or math.inf
        # a token from Entra ID is fetched within the same time
        by_token = connection_string.authentication.startswith("activedirectory")
        self._seconds = self._longest if by_token and self._longest < math.inf else min(first, self._longest)

    def seconds(self, left: float = math.inf) -> int:
        """Return the whole seconds for the next login, not many more than the `left` ones, and one at least."""
        return max(1, math.floor(min(self._seconds, left)))

    def failed(self, error: ConnectError) -> None:
        """Take note of a login that failed."""
        if error.verdict.reason == TIMED_OUT.reason:
            self._seconds = min(2 * self._seconds, self._longest)
