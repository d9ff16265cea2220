"""The architecture, held by tests: who may import whom, what process 1 and the probe may load, how large things are."""

import ast
import graphlib
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import ROOT

from entrypoint.settings import variables


PACKAGE = ROOT / "entrypoint"
FILES = sorted(PACKAGE.rglob("*.py"))

# a floor is a folder, a part of one, or a group of files, by what its modules' names begin with, the longest first
GROUPS = {
    "settings.variables": "environment",
    "settings.environment": "environment",
    "settings.base_settings": "environment",
    "settings.paths": "environment",
    "settings.secrets_memfd": "environment",
    "prepare.context": "prepare.shared",
    "prepare.progress": "prepare.shared",
    "prepare.situation": "prepare.shared",
    "prepare.preflight": "prepare.preflight",
    "prepare.schema": "prepare.schema",
    "prepare.configure": "prepare.configure",
}
BELOW = {"base", "environment"}
PARTS = ("shared", "preflight", "schema", "configure")
HEAVY = {*BELOW, "sqlserver", "settings", "structured_log", "octopus"}
# the floors below each; what isn't named here it doesn't know
FLOORS = {
    "": set(),
    "base": {""},
    "environment": {"base"},
    "sqlserver": {"base"},
    "dockerd": BELOW,
    "structured_log": {"base"},
    "settings": {*BELOW, "sqlserver", "dockerd"},
    "octopus": {*BELOW, "sqlserver", "settings", "structured_log", "http_probe"},
    "prepare.shared": HEAVY,
    "prepare.preflight": {*HEAVY, "dockerd"},
    "prepare.schema": {*HEAVY, "prepare.shared"},
    "prepare.configure": {*HEAVY, "prepare.shared", "prepare.schema"},
    "prepare": {*HEAVY, "prepare.shared", "prepare.preflight", "prepare.schema", "prepare.configure"},
    "node": {*HEAVY, ""},
    # above both peers: it asks what a start would do, and looks at the node as status does
    "check": {*HEAVY, *(f"prepare.{part}" for part in PARTS), "dockerd", "node"},
    "usage": set(),
    "explain": {*HEAVY, "usage"},
    "completion": {*BELOW, "usage"},
    "diagnose": {*HEAVY, ""},
    "monitoring": {*BELOW, "", "structured_log", "http_probe"},
    "verbs": {*HEAVY, "prepare", "prepare.preflight", "node", "check", "diagnose"},
    "init": {*BELOW, ""},
    "http_probe": BELOW,
    "probe": {"http_probe"},
    "install": {"", "base"},
    "cli": {
        *BELOW,
        "",
        "init",
        "http_probe",
        "dockerd",
        "install",
        "monitoring",
        "usage",
        "explain",
        "completion",
        "verbs",
    },
    "__main__": {"cli"},
}
LIGHT = {*BELOW, "", "init", "http_probe", "probe", "cli", "usage", "__main__"}
# needs no library either, but is soon gone: no part of the standard one is too dear for it
BRIEF = {"dockerd", "install"}
# imports inside of functions, and why: the door loads a verb's module for that verb only; a yes of the probe needs
# nothing; process 1 reads files only where some are named, and has no sockets; only readers of state files need json;
# only TDS 8 needs TLS from the first byte
LAZY = {
    "__main__", "base.engine", "base.sql_ping", "base.state_reader", "cli", "http_probe", "settings.environment",
    "verbs",
}  # fmt: skip

# who may use a variable's name as a key: the declarations, their readers, what is said of wrong names, and the probe,
# which reads its port itself, because a yes must load nothing else
READERS = {
    "http_probe", "settings.base_settings", "settings.configuration", "settings.parsers",
    "settings.unknown_variables", "settings.variables",
}  # fmt: skip
# who is given an environment: the doors, what reads and splits it, and what starts a child with it
WITH_ENVIRONMENT = {
    "dockerd.iptables.__init__", "dockerd.launcher.launch", "init.children.__init__", "init.any_command.run",
    "init.processes.__init__", "init.reexec.execute_without", "init.supervisor.run",
    "octopus.command_runner.__init__", "settings.base_settings.__init__", "settings.configuration.__init__",
    "settings.environment.__init__", "settings.secrets_memfd.split",
}  # fmt: skip

DEAR = {
    "argparse", "ast", "asyncio", "configparser", "contextlib", "ctypes.util", "dataclasses", "datetime", "decimal",
    "email", "getpass", "hashlib", "html", "http", "importlib.metadata", "inspect", "json", "locale", "logging",
    "multiprocessing", "pathlib", "pickle", "random", "re", "shutil", "site", "socket", "ssl", "string", "subprocess",
    "tempfile", "textwrap", "threading", "traceback", "typing", "urllib", "uuid", "warnings", "zipfile",
    "prometheus_client", "psutil", "pyodbc", "rich", "structlog", "tenacity", "waitress",
}  # fmt: skip
PROCESS_1_MODULES = 32  # of the standard library, beyond those of a bare interpreter
PROBE_MODULES = 2


def name_of(path: Path) -> str:
    """Return a file's module, without the package: `init.node`, or nothing for the package itself."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").removesuffix(".")


MODULES = {name_of(path): ast.parse(path.read_text(encoding="utf-8")) for path in FILES}


def floor_of(module: str) -> str:
    """Return the floor a module is on."""
    parts = module.split(".")
    if (PACKAGE / module.replace(".", "/")).is_dir():
        return ""  # a package itself has nothing in it
    names = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((GROUPS[name] for name in names if name in GROUPS), parts[0])


def imports(module: str, tree: ast.AST) -> Iterator[str]:
    """Yield what is imported within `tree`, a part of `module`, by full names; ours begin with `entrypoint.`."""
    is_package = (PACKAGE / module.replace(".", "/")).is_dir()
    package = ["entrypoint", *filter(None, module.split("."))][: None if is_package else -1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield inner if inner.removeprefix("entrypoint.") in MODULES else base


def ours(module: str, tree: ast.AST) -> set[str]:
    """Return the modules of octo-node imported within `tree`, without the package's name."""
    found = {name for name in imports(module, tree) if name.partition(".")[0] == "entrypoint"}
    return {name.removeprefix("entrypoint").removeprefix(".") for name in found}


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield the functions of a module, methods and inner ones included."""
    return (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))


@pytest.mark.parametrize("module", MODULES)
def test_a_module_knows_only_the_floors_below(module: str) -> None:
    """Imports go downwards, peers don't know each other, and only the door knows process 1 and the probe."""
    floor = floor_of(module)
    known = {floor_of(other) for other in ours(module, MODULES[module])} - {floor}
    assert known <= FLOORS[floor]


def test_imports_have_no_cycles() -> None:
    """No module imports itself by a detour, lazily or not."""
    # a module is initialised after its package, and that is no dependency of the package on it
    graphlib.TopologicalSorter({name: ours(name, tree) - {name} for name, tree in MODULES.items()}).prepare()


@pytest.mark.parametrize("module", [name for name in MODULES if floor_of(name) in LIGHT | BRIEF])
def test_light_code_needs_the_standard_library_only(module: str) -> None:
    """Light modules import no library, and no dear part of the standard one unless inside a function."""
    tree = MODULES[module]
    ours_too = {"entrypoint", "http_probe"}  # the latter past the package, in probe.py
    assert {name.partition(".")[0] for name in imports(module, tree)} <= sys.stdlib_module_names | ours_too
    lazily = {name for function in functions(tree) for name in imports(module, function)}
    assert floor_of(module) in BRIEF or not (set(imports(module, tree)) - lazily) & DEAR


@pytest.mark.parametrize("module", MODULES)
def test_imports_stand_at_the_top(module: str) -> None:
    """A function imports nothing, but for the few files where that saves every other caller the cost."""
    lazily = {name for function in functions(MODULES[module]) for name in imports(module, function)}
    assert module in LAZY or not lazily


def test_only_the_readers_name_a_variable() -> None:
    """A variable's name is a key in the declarations and their readers only: below them settings are attributes."""
    names = variables.BY_NAME.keys() | {f"{name}_FILE" for name in variables.BY_NAME}
    for module, tree in MODULES.items():
        constants = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        texts = {value.decode() if isinstance(value, bytes) else value for value in constants}
        assert module in READERS or not texts & names, module


def test_few_take_an_environment() -> None:
    """Only the doors, what splits an environment, and what starts a child with it are given one."""
    found = set()
    for module, tree in MODULES.items():
        for function in functions(tree):
            arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
            if any(argument.arg in {"environ", "environment"} for argument in arguments):
                found.add(f"{module}.{function.name}")
    assert found == WITH_ENVIRONMENT
    assert len(found) <= 12


def test_there_is_one_waiter() -> None:
    """In process 1 only `processes` forks and waits: a second waiter would lose exit codes."""
    calls = {"fork", "forkpty", "posix_spawn", "posix_spawnp", "system", "wait", "wait3", "wait4", "waitid", "waitpid"}
    for module, tree in MODULES.items():
        if floor_of(module) == "init" and module != "init.processes":
            names = {node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in calls}
            assert not [node for node in names if isinstance(node.value, ast.Name) and node.value.id == "os"], module


def loaded(*words: str) -> set[str]:
    """Return the modules that a bare interpreter loads when it is run with `words`."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-X", "importtime", *words], capture_output=True, text=True, timeout=60, check=True
    )
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}


def test_process_1_loads_little() -> None:
    """What process 1 keeps in memory for life is small: no dear module, and not many cheap ones."""
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r})"
    doors = "entrypoint.__main__, entrypoint.cli, entrypoint.init.supervisor, entrypoint.init.any_command"
    found = loaded("-c", f"{program}; import {doors}") - loaded("-c", program)
    assert not {name for name in found if name in DEAR or name.partition(".")[0] in DEAR}
    library = {name for name in found if not name.startswith("entrypoint")}
    assert len(library) <= PROCESS_1_MODULES, sorted(library)
    assert {floor_of(name.removeprefix("entrypoint.")) for name in found - library} <= {*LIGHT, "entrypoint"}


def test_a_yes_of_the_probe_loads_nothing() -> None:
    """A probe that is answered needs next to nothing that isn't in a bare interpreter, and nothing else of ours."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        port = server.getsockname()[1]
        found = loaded(str(PACKAGE / "probe.py"), "startup", f"--url=http://localhost:{port}") - loaded("-c", "pass")
        thread.join()
    library = found - {"http_probe"}
    assert not {name for name in library if name.startswith("entrypoint")}
    assert len(library) <= PROBE_MODULES, sorted(library)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_nothing_is_too_large(path: Path) -> None:
    """A file has 300 lines at most, a function 40, a class 10 methods, a constructor 6 parameters."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300
    for node in ast.walk(MODULES[name_of(path)]):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert (node.end_lineno or 0) - node.lineno < 40, node.name
            parameters = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            assert node.name != "__init__" or len(parameters) - 1 <= 6, "too many parameters"
        elif isinstance(node, ast.ClassDef):
            assert sum(isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)) for part in node.body) <= 10, node.name


def test_every_test_states_its_promise() -> None:
    """Each test has a docstring of its own."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for function in functions(ast.parse(path.read_text(encoding="utf-8"))):
            if function.name.startswith("test_"):
                assert ast.get_docstring(function), f"{path}: {function.name}"
