"""For each limit on what is read, what asks for more: CASES, by the name that `limits.LIMITS` has."""

from collections.abc import Callable
from pathlib import Path


Case = Callable[[Path], None]
CASES: dict[str, Case] = {}


def beyond(name: str) -> Callable[[Case], Case]:
    """Have a function, which gets an empty folder, be the one that asks for more than limit `name`."""

    def register(case: Case) -> Case:
        CASES[name] = case
        return case

    return register
