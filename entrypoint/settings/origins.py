"""Where a variable's value comes from: who made a pod with the Helm chart knows its values, not the variables."""

import re
from collections.abc import Iterable


_NAME = re.compile(r"[A-Z][A-Z0-9_]+")


def told(text: str, value_names: str) -> str:
    """Return `text`, and after it which values give the variables that it names.

    `value_names` has what is known of that: `NAME=value,...`.
    """
    values = dict(_pairs(value_names.split(",")))
    named = dict.fromkeys(name.removesuffix("_FILE") for name in _NAME.findall(text))
    found = [f"{name} is {values[name]}" for name in named if name in values]
    return f"{text} (In the chart's values, {' and '.join(found)}.)" if found else text


def _pairs(words: Iterable[str]) -> Iterable[tuple[str, str]]:
    for word in words:
        name, equals, value = word.strip().partition("=")
        if equals:
            yield name, value
