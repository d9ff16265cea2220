"""The chart's values, with the sentence that stands above each in `values.yaml`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml


CHART = Path(__file__).resolve().parents[1] / "docker" / "helm" / "octopus"


class Value(NamedTuple):
    """One value: its name with dots, its default, and a sentence on it."""

    name: str
    default: object
    sentence: str

    @property
    def row(self) -> str:
        """The value's line in a table."""
        default = "" if self.default in ("", None) else f"`{_text(self.default)}`"
        return f"| `{self.name}` | {default} | {self.sentence} |\n"


def _text(default: object) -> str:
    return default if isinstance(default, str) else json.dumps(default)


def values() -> list[Value]:
    """Return all values, in order. Raise AssertionError for one that nothing is said of."""
    text = (CHART / "values.yaml").read_text()
    return list(_described(yaml.compose(text), "", text.splitlines()))


def _described(mapping: yaml.Node | None, above: str, lines: list[str]) -> Iterator[Value]:
    """Yield the values below `mapping`: those with a comment on the line above them, however deep."""
    assert isinstance(mapping, yaml.MappingNode), f"{above.rstrip('.')} has no comment above it in values.yaml."
    for key, node in mapping.value:
        line = lines[key.start_mark.line - 1].strip()
        if line.startswith("# "):
            default = yaml.safe_load(yaml.serialize(node))
            yield Value(f"{above}{key.value}", default, line.removeprefix("# "))
        else:
            yield from _described(node, f"{above}{key.value}.", lines)
