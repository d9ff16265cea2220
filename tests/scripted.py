"""Nodes for tests of process 1: it is the real one, and what it starts are shell scripts."""

import os
import sys
from pathlib import Path

from node import Node
from processes import ROOT, arguments, wait_until


PROGRAMS = ROOT / "tests" / "process" / "programs"
DOOR = (sys.executable, str(PROGRAMS / "door.py"))
FOR_EVER = "exec sleep 1000"


class Scripted(Node):
    """A node whose processes are the scripts that `script` wrote; the server ends by TERM if there is none."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, TEST_HELPERS=str(folder / "helpers"))
        (folder / "helpers").mkdir()
        self.script("server", FOR_EVER)

    def script(self, role: str, text: str) -> None:
        """Have `text` be what the shell runs as `role`."""
        path = self.folder / ("Octopus/Octopus.Server" if role == "server" else f"helpers/{role}")
        path.write_text(f"#!/bin/sh\ncd {self.folder}\n{text}\n")
        path.chmod(0o755)

    def told(self, name: str = "told") -> list[str]:
        """Return the words of a file that a script wrote; none if it isn't there."""
        path = self.folder / name
        return path.read_text().split() if path.exists() else []

    def wait_told(self, *words: str, name: str = "told") -> None:
        """Wait until a file that a script writes has just these words."""
        wait_until(lambda: self.told(name) == list(words), what=f"{name} has {words}")


def up(node: Scripted, mode: str = "process 1") -> Scripted:
    """Start `node` and wait until it is up and its server is executed."""
    node.start(mode, DOOR).wait_phase("up")
    wait_until(lambda: DOOR[1] not in arguments(node.server()), what="the server is executed")
    return node


def nothing_left(node: Node) -> bool:
    """Return whether no process knows the node's folder any more."""
    return not [pid for pid in map(int, filter(str.isdecimal, os.listdir("/proc"))) if is_of(node, pid)]


def is_of(node: Node, pid: int) -> bool:
    """Return whether process `pid` has the folder of `node` among its arguments."""
    return any(str(node.folder) in word for word in arguments(pid))
