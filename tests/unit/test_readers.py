"""Where octo-node reads anything: each place is known, and has a limit."""

import ast
from collections.abc import Iterator
from pathlib import Path

import limits
from processes import ROOT


CALLS = {
    "fetchall", "fetchmany", "fetchone", "communicate", "glob", "iterdir", "listdir", "pread", "read", "read_bytes",
    "read_text", "readinto", "readline", "readlines", "recv", "recv_into", "recvfrom", "rglob", "scandir", "walk",
}  # fmt: skip
# modules whose `read` is one of the readers
BOUNDED = {"files", "kept_log", "shared_marks", "state_reader", "version_history"}


def test_every_reader_is_known() -> None:
    """Nothing is read but where `limits.READERS` says, and each of these has a limit that is in the document."""
    found = {name for path in (ROOT / "entrypoint").rglob("*.py") for name in readers(path)}
    assert found == set(limits.READERS)
    assert set(limits.READERS.values()) <= {*limits.BY_NAME, limits.KERNEL, limits.OWN, "its caller's limit"}


def readers(path: Path) -> Iterator[str]:
    """Yield the functions of a file that read something themselves."""
    module = ".".join(path.relative_to(ROOT / "entrypoint").with_suffix("").parts)
    for function in ast.walk(ast.parse(path.read_text())):
        if isinstance(function, ast.FunctionDef) and any(map(is_reading, own(function))):
            yield f"{module}.{function.name}"


def own(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """Yield what is in a function, but not in another one inside of it."""
    left = list(ast.iter_child_nodes(function))
    while left:
        node = left.pop()
        if not isinstance(node, ast.FunctionDef):
            yield node
            left.extend(ast.iter_child_nodes(node))


def is_reading(node: ast.AST) -> bool:
    """Whether this is a call that reads."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CALLS):
        return False
    return not (isinstance(node.func.value, ast.Name) and node.func.value.id in BOUNDED)
