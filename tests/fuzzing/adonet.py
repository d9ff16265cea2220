"""Connection strings beside another parser of ADO.NET's: @tediousjs/connection-string, from npm, in a node of its own.

It is laxer, and follows ADO.NET less closely, so only what both can read is compared: printable ASCII in which no value
is empty or in braces, no keyword has a `=`, and no semicolon is doubled.
"""

import functools
import json
import os
import re
import subprocess
from pathlib import Path

from . import Target, connection_strings, text_of


PROGRAM = """
const { parse } = require('@tediousjs/connection-string');
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  let found = null;
  try { found = Object.fromEntries(parse(JSON.parse(line)).entries()); } catch (error) {}
  process.stdout.write(JSON.stringify(found) + '\\n');
});
"""
_ELSEWHERE = re.compile(r"=\s*[;{]|;\s*;|=\s*\Z|\A\s*;|;\s*\Z|==|\A\s*\Z|__proto__")


@functools.cache
def _other() -> "subprocess.Popen[str]":
    folder = Path(os.environ["OCTO_FUZZ_MODULES"])
    return subprocess.Popen(
        ["node", "-e", PROGRAM],  # noqa: S607 - that of .venv/bin, by PATH
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )


def check(data: bytes) -> None:
    """What both read, both read alike; and what we read the other does as well."""
    text = text_of(data)
    if not (text.isascii() and text.isprintable()) or _ELSEWHERE.search(text):
        return
    ours = connection_strings.pairs(text)
    if ours is None:
        return  # it refuses less
    node = _other()
    assert node.stdin is not None
    assert node.stdout is not None
    node.stdin.write(json.dumps(text) + "\n")
    theirs = json.loads(node.stdout.readline())
    assert theirs == ours, (theirs, ours)


TARGETS = (Target("connection-strings-beside-tedious", check, connection_strings.WORDS, connection_strings.SEEDS),)
