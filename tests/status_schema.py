"""The JSON Schema of `octo-node status --json`, made from the types in `entrypoint/node/facts/schema.py`."""

import json
import types
from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints, is_typeddict

from entrypoint.node.facts import schema


JSON_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


PAGE = """\
# `octo-node status --json`
{made}

A JSON object on stdout; its form is that of [status.schema.json](status.schema.json) (JSON Schema 2020-12), and
`schema` names its version. Within a version fields are added, never changed or taken away. All of it is told whatever
hangs, within 2 seconds: what can't be told is `null`, and `unknown` says why. Times are UTC, in ISO 8601; secrets are
masked in every text. `octo-node nodes --json` has objects of the same form as `nodes` has here.

| field | type | |
|---|---|---|
"""


def page(made: str) -> Iterator[str]:
    """Yield docs/status.md; `made` says what it is made by."""
    yield PAGE.format(made=made)
    for path, kind, said in rows():
        yield f"| `{path}` | {kind} | {said} |\n"


def text() -> Iterator[str]:
    """Yield docs/status.schema.json."""
    yield json.dumps(document(), indent=2) + "\n"


def document() -> dict[str, Any]:
    """Return the schema."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": schema.SCHEMA,
        "description": "What `octo-node status --json` prints. Fields are added, but not changed, within a version.",
        **_of(schema.Facts),
    }


def _of(kind: Any) -> dict[str, Any]:  # noqa: ANN401 - a type
    """Return the schema of a type."""
    if get_origin(kind) is Annotated:
        inner, *said = get_args(kind)
        return {**_of(inner), "description": said[0]}
    if is_typeddict(kind):
        hints = get_type_hints(kind, include_extras=True)
        properties = {name: _of(hint) for name, hint in hints.items()}
        return {"type": "object", "description": _words(kind), "properties": properties, "required": list(hints)}
    if get_origin(kind) is list:
        return {"type": "array", "items": _of(get_args(kind)[0])}
    if get_origin(kind) is dict:
        return {"type": "object", "additionalProperties": _of(get_args(kind)[1])}
    if get_origin(kind) in {Union, types.UnionType}:
        return {"anyOf": [_of(each) for each in get_args(kind)]}
    return {"type": JSON_TYPES[kind]}


def _words(kind: type) -> str:
    return (kind.__doc__ or "").strip()


def rows(kind: Any = schema.Facts, prefix: str = "") -> list[tuple[str, str, str]]:  # noqa: ANN401 - a type
    """Return path, type and meaning of each field."""
    found = []
    for name, hint in get_type_hints(kind, include_extras=True).items():
        inner, said = (get_args(hint)[0], get_args(hint)[1]) if get_origin(hint) is Annotated else (hint, "")
        nested = _nested(inner)
        found.append((prefix + name, _type(inner), said or (_words(nested) if nested else "")))
        if nested is not None:
            is_list = get_origin(_without_none(inner)) is list
            found += rows(nested, f"{prefix}{name}{'[]' if is_list else ''}.")
    return found


def _without_none(kind: Any) -> Any:  # noqa: ANN401 - a type
    if get_origin(kind) in {Union, types.UnionType}:
        return next(each for each in get_args(kind) if each is not type(None))
    return kind


def _nested(kind: Any) -> type | None:  # noqa: ANN401 - a type
    inner = _without_none(kind)
    inner = get_args(inner)[0] if get_origin(inner) is list else inner
    return inner if is_typeddict(inner) else None


def _type(kind: Any) -> str:  # noqa: ANN401 - a type
    inner = _without_none(kind)
    optional = " or null" if inner is not kind else ""
    if is_typeddict(inner):
        return f"object{optional}"
    if get_origin(inner) in {list, dict}:
        return f"{'array' if get_origin(inner) is list else 'object'}{optional}"
    return f"{JSON_TYPES[inner]}{optional}"
