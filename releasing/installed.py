"""What has to hold for octo-node as it is installed, run with its Python and none of the source: scripts/test-wheel."""

import importlib
import importlib.metadata
import pkgutil
import subprocess
import sys
from pathlib import Path


def main() -> None:
    """Import all there is, look at the metadata, and run what needs no node. End if something is amiss."""
    import entrypoint  # noqa: PLC0415 - the installed one

    home = Path(entrypoint.__file__).parent
    assert home.is_relative_to(sys.prefix), home
    names = [each.name for each in pkgutil.walk_packages([str(home)], "entrypoint.")]
    for name in names:
        if not name.endswith((".__main__", ".probe")):  # these are programs
            importlib.import_module(name)
    assert (home / "py.typed").is_file()
    assert (home / "docs" / "troubleshooting.md").is_file()
    found = importlib.metadata.distribution("octo-node")
    assert found.version == entrypoint.__version__
    assert found.metadata["License-Expression"] == "Apache-2.0"
    assert any(str(path).endswith("licenses/LICENSE") for path in found.files or ())
    program = Path(sys.executable).with_name("octo-node")
    for words, code, said in (
        (["version"], 0, entrypoint.__version__),
        (["explain", "12"], 0, "SQL Server"),
        (["check"], 10, "ACCEPT_EULA"),
        (["init", "--", "true"], 0, ""),
        (["probe", "liveness", "--url=http://127.0.0.1:1"], 1, "no"),
    ):
        done = subprocess.run([program, *words], capture_output=True, text=True, timeout=60, env={}, check=False)
        text = done.stdout + done.stderr
        assert (done.returncode, said.lower() in text.lower()) == (code, True), (words, done.returncode, text)
    print(f"{len(names)} modules, octo-node {found.version}")


if __name__ == "__main__":
    main()
