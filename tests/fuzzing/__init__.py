"""What octo-node reads from others, as functions of any bytes: hypothesis and atheris feed them.

A target passes if its function returns. What it may do with bytes that make no sense is refuse them, in the way that
its callers expect; every other exception is a finding.
"""

from collections.abc import Callable
from typing import NamedTuple


class Target(NamedTuple):
    """A function of any bytes, the `words` that its inputs are made of, and whole inputs to begin with (`seeds`)."""

    name: str
    check: Callable[[bytes], None]
    words: tuple[bytes, ...]
    seeds: tuple[bytes, ...] = ()


def text_of(data: bytes) -> str:
    """Return `data` as Python reads an environment: what isn't UTF-8 becomes surrogates."""
    return data.decode("utf-8", "surrogateescape")


def is_sentence(text: str) -> bool:
    """Return whether `text` can be told to an operator: it ends as a sentence does."""
    return text.rstrip().endswith((".", "?", ":", "...", "`", ")"))
