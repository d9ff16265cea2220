"""The rate limit: so many requests a minute from one address, then 429 (Issues 10155)."""

import threading
import time
from collections import defaultdict, deque

from standin.octopus import switches

from .faults import PING


WINDOW = 60.0


class Limits:
    """When each address asked in the last minute."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: dict[str, deque[float]] = defaultdict(deque)

    def wait(self, address: str, path: str) -> float:
        """Return 0 if a request may pass, and note it; else the seconds after which one may."""
        most = int(switches.number("rate_limit"))
        if not most or (path.lower().rstrip("/") in PING and not switches.on("rate_limit_ping")):
            return 0.0
        now = time.monotonic()
        with self._lock:
            asked = self._asked[address]
            while asked and asked[0] <= now - WINDOW:
                asked.popleft()
            if len(asked) >= most:
                return asked[0] + WINDOW - now
            asked.append(now)
        return 0.0
