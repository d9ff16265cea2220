"""Dates and times: kept in SQLite as text that sorts, sent as days and ticks of 100 ns."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import date


TICKS = 10_000_000
DAY = 86_400 * TICKS
DAYS_TO_1900 = date(1900, 1, 1).toordinal() - 1
DAYS_TO_EPOCH = date(1970, 1, 1).toordinal() - 1

_PATTERN = re.compile(
    r"\s*(?:(\d{4})-?(\d\d)-?(\d\d))?[T ]*(?:(\d{1,2}):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?\s*(Z|[+-]\d\d:\d\d)?\s*$"
)


@dataclass(frozen=True)
class Moment:
    """Local days since 0001-01-01, local ticks of the day, minutes of offset."""

    days: int
    ticks: int
    offset: int = 0

    @property
    def instant(self) -> int:
        """Ticks since 0001-01-01 in UTC."""
        return self.days * DAY + self.ticks - self.offset * 60 * TICKS

    def plus(self, ticks: int) -> Moment:
        """The moment that many ticks later."""
        days, rest = divmod(self.days * DAY + self.ticks + ticks, DAY)
        return Moment(days, rest, self.offset)

    def at(self, offset: int) -> Moment:
        """The same instant seen in another zone."""
        days, rest = divmod(self.instant + offset * 60 * TICKS, DAY)
        return Moment(days, rest, offset)

    def text(self, kind: str, scale: int = 7) -> str:
        """Write it as a value of that type is kept."""
        unit = 10 ** (7 - scale)
        moment = self.plus((self.ticks + unit // 2) // unit * unit - self.ticks)
        day = date.fromordinal(moment.days + 1).isoformat()
        seconds, rest = divmod(moment.ticks, TICKS)
        clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:07}"
        if kind == "date":
            return day
        if kind == "time":
            return clock
        if kind != "datetimeoffset":
            return f"{day} {clock}"
        sign = "-" if moment.offset < 0 else "+"
        hours, minutes = divmod(abs(moment.offset), 60)
        return f"{day} {clock} {sign}{hours:02}:{minutes:02}"


def parse(text: str) -> Moment | None:
    """Read a date, a time or both; None if it is neither."""
    match = _PATTERN.match(text)
    if not match or not (match[1] or match[4]):
        return None
    try:
        day = date(int(match[1]), int(match[2]), int(match[3])) if match[1] else date(1900, 1, 1)
    except ValueError:
        return None
    hour, minute, second = (int(match[group] or 0) for group in (4, 5, 6))
    if hour > 23 or minute > 59 or second > 59:
        return None
    ticks = ((hour * 60 + minute) * 60 + second) * TICKS + int((match[7] or "0").ljust(7, "0")[:7])
    return Moment(day.toordinal() - 1, ticks, _offset(match[8]))


def _offset(text: str | None) -> int:
    if not text or text == "Z":
        return 0
    minutes = int(text[1:3]) * 60 + int(text[4:6])
    return -minutes if text[0] == "-" else minutes


def now() -> Moment:
    """The present, in UTC."""
    days, rest = divmod(time.time_ns() // 100, DAY)
    return Moment(DAYS_TO_EPOCH + days, rest)


def now_local() -> Moment:
    """The present, in the server's zone."""
    return now().at(time.localtime().tm_gmtoff // 60)
