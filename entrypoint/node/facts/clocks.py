"""Times of state files, which are of the monotonic clock, as people and JSON have them."""

import datetime
import time
from collections.abc import Mapping


_MOST = 1e11  # seconds: a time beyond that is none; anything may stand in a file


def seconds(value: object) -> float | None:
    """Return a number of seconds; None if `value` is none."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and -_MOST < value < _MOST else None  # type: ignore[arg-type,operator]  # as told


def measured(value: object) -> dict[str, float]:
    """Return seconds by name, those that are any."""
    found = value if isinstance(value, dict) else {}
    return {str(name): number for name, each in found.items() if (number := seconds(each)) is not None}


def wall(moment: float | None) -> str | None:
    """Return a time in seconds since 1970 in ISO 8601, UTC, without fractions; None for None."""
    if moment is None or moment < 0:
        return None
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def offset(state: Mapping[str, object]) -> float:
    """Return what the monotonic clock is behind the time of day, as who wrote `state` saw it."""
    found = seconds(state.get("clock"))
    return time.time() - time.monotonic() if found is None else found


def at(state: Mapping[str, object], moment: float | None) -> str | None:
    """Return the `moment` (monotonic) of `state` in ISO 8601; None for None."""
    return None if moment is None else wall(moment + offset(state))


def ago(state: Mapping[str, object], moment: float | None) -> float | None:
    """Return the seconds since the `moment` (monotonic) of `state`; None for None."""
    return None if moment is None else round(max(time.time() - (moment + offset(state)), 0.0), 3)
