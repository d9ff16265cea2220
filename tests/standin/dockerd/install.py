"""Puts the stand-in where it is found as `dockerd`, and one for rootlesskit beside it."""

import sys
from pathlib import Path


# its options end where its command begins (rootlesskit's README); it passes TERM on, which one process does as well
_KIT = """
import os, sys
words = sys.argv[1:]
options = [word for word in words if word.startswith("--")]
command = words[next(index for index, word in enumerate(words) if not word.startswith("--")):]
os.environ["ROOTLESSKIT_STATE_DIR"] = next(o for o in options if o.startswith("--state-dir=")).partition("=")[2]
os.environ["STANDIN_ROOTLESSKIT"] = " ".join(options)
os.execvp(command[0], command)
"""


def install(folder: Path) -> None:
    """Make the program `dockerd` in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {"dockerd": Path(__file__).with_name("program.py").read_text(), "rootlesskit": _KIT}
    for name, text in texts.items():
        program = folder / name
        program.write_text(f"#!{sys.executable}\n{text}")
        program.chmod(0o755)
