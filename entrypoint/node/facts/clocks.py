"""Times of state files, which are of the monotonic clock, as people and JSON have them."""

import datetime
import time
from collections.abc import Mapping


def wall(seconds: float) -> str:
    """Return a time in seconds since 1970 in ISO 8601, UTC, without fractions."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def offset(state: Mapping[str, object]) -> float:
    """Return what the monotonic clock is behind the time of day, as who wrote `state` saw it."""
    found = state.get("clock")
    return found if isinstance(found, float) else time.time() - time.monotonic()


def at(state: Mapping[str, object], moment: float | None) -> str | None:
    """Return the `moment` (monotonic) of `state` in ISO 8601; None for None."""
    return None if moment is None else wall(moment + offset(state))


def ago(state: Mapping[str, object], moment: float | None) -> float | None:
    """Return the seconds since the `moment` (monotonic) of `state`; None for None."""
    return None if moment is None else round(max(time.time() - (moment + offset(state)), 0.0), 3)
