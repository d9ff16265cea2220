"""`python -m fuzzing TARGET [LIBFUZZER ARGUMENTS]`: feeds one target by coverage; without arguments prints their names.

What atheris counts as covered is octo-node's own code, so the targets are imported under its eyes.
"""

import contextlib
import importlib
import io
import sys
from pathlib import Path

from . import Target


MODULES = ("connection_strings", "adonet", "variables", "http_answers", "files", "texts", "sql_answers", "sql_sessions")


def targets() -> dict[str, Target]:
    """Return all targets by name."""
    modules = [importlib.import_module(f"fuzzing.{name}") for name in MODULES]
    return {target.name: target for module in modules for target in module.TARGETS}


def main() -> None:
    """Run one target until libFuzzer's arguments say that it is enough, or something is found."""
    if len(sys.argv) < 2:
        print("\n".join(targets()))
        return
    import atheris  # noqa: PLC0415 - only scripts/fuzz installs it

    with atheris.instrument_imports(include=["entrypoint"]):
        target = targets()[sys.argv[1]]
    corpus, *arguments = sys.argv[2:]
    for number, seed in enumerate(target.seeds):
        Path(corpus, f"seed-{number}").write_bytes(seed)
    dictionary = Path(f"{corpus}.dict")
    dictionary.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words if 0 < len(word) <= 64))

    def one_input(data: bytes) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            target.check(data)

    atheris.Setup([sys.argv[0], f"-dict={dictionary}", *arguments, corpus], one_input)
    atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    main()
