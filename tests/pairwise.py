"""The pairwise table: rows of the stand-in server's switches, in which each two values of any two switches meet."""

import functools
import itertools
from collections.abc import Iterable, Mapping, Sequence

from allpairspy import AllPairs
from standin.octopus import about, switches


Row = Mapping[str, object]
SAMPLE = 6  # rows that always run
# what the age decides for certain, so that it isn't tried against it
CERTAIN = {"master_key_bytes"}
# what HTTP answers besides the API's own: the ping for a while, all else as long as the server runs
PING: Mapping[str, list[Row]] = {
    "own": [],
    "starting": [{"path": "ping", "status": 503, "times": 3}],
    "busy": [{"path": "ping", "status": 429, "retry_after": 1, "times": 2}],
    "login": [{"path": "ping", "status": 302, "headers": {"Location": "/app#/users/sign-in"}, "times": 3}],
    "slow": [{"path": "ping", "wait": 1, "times": 2}],
}
API: Mapping[str, list[Row]] = {
    "own": [],
    "login": [{"path": "api", "status": 302, "headers": {"Location": "/app#/users/sign-in"}}],
    "forbidden": [{"path": "api", "status": 403}],
    "busy": [{"path": "api", "status": 429, "retry_after": 2}],
    "broken": [{"path": "api", "status": 500}],
    "garbage": [{"path": "api", "body": "garbage"}],
    "endless": [{"path": "api", "body": "endless"}],
}


def parameters() -> dict[str, tuple[object, ...]]:
    """Return what is varied, with its values: the age, what HTTP answers, whether there is a licence, each switch."""
    varied = {name: switch.values for name, switch in switches.BY_NAME.items() if name not in CERTAIN}
    return {
        "age": tuple(about.AGES),
        "api": tuple(API),
        "ping": tuple(PING),
        "licence": ("given", "none"),
        **varied,
    }


@functools.cache
def rows() -> tuple[Row, ...]:
    """Return the rows of the whole table."""
    varied = parameters()
    return tuple(dict(zip(varied, row, strict=True)) for row in AllPairs(list(varied.values())))


def sample(count: int = SAMPLE) -> list[Row]:
    """Return at least `count` rows: those in which most new pairs meet, and at least one for each age."""
    left, chosen, seen = list(rows()), list[Row](), set[object]()
    while left and (len(chosen) < count or len({row["age"] for row in chosen}) < len(about.AGES)):
        ages = {row["age"] for row in chosen}
        missing = [row for row in left if row["age"] not in ages] or left
        best = max(missing, key=lambda row: len(pairs(row) - seen))
        left.remove(best)
        chosen.append(best)
        seen |= pairs(best)
    return chosen


def pairs(row: Row) -> set[tuple[tuple[str, object], ...]]:
    """Return each two values that meet in a row."""
    return set(itertools.combinations(((name, repr(value)) for name, value in row.items()), 2))


def met(some: Iterable[Row]) -> set[object]:
    """Return each two values that meet in any of the rows."""
    return {pair for row in some for pair in pairs(row)}


def answers(row: Row) -> Sequence[Mapping[str, object]]:
    """Return what HTTP answers besides the API's own."""
    return [*PING[str(row["ping"])], *API[str(row["api"])]]


def size() -> str:
    """Return how much is varied, in words."""
    return f"{len(parameters())} switches with {sum(map(len, parameters().values()))} values"


def described(some: Iterable[Row]) -> str:
    """Return how much of the table some rows are, in words."""
    chosen = list(some)
    return (
        f"{len(chosen)} of {len(rows())} rows, in which {len(met(chosen))} of {len(met(rows()))} pairs of values meet"
    )
