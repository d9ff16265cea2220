"""The file by which tests make the server misbehave while it runs.

`hang`: it falls silent at a place: `prelogin` (before it answers anything), `tls` (after its PRELOGIN), `login` (no
answer to a LOGIN7), `statement` (it takes the login and answers no query; with `hang_match` only those with that text
in them). `manner`: {place: "half" or "trickle"}: from there on, half of an answer and then silence, or a byte a second.
`login_delay`: seconds that a login takes. `closed`: how a login into a database that is there but can't be opened is
refused: `own`, with the database's own error (922, 942, 924, 916), or `4060`, as a missing one is. Both are seen of
real servers [?]. `roles`: {role: 0} of which no login is a member, `permissions`: {permission: 0} that none has:
without VIEW SERVER STATE a look at locks is refused (300). `collation` of every database, `properties`: {name: value}
of SERVERPROPERTY, `clock`: seconds that it is ahead.
"""

from __future__ import annotations

import json
import os
import re
import threading
from pathlib import Path
from typing import Any

from .errors import SqlError


FILE = "control.json"


def write(data_dir: Path | str, **keys: Any) -> None:  # noqa: ANN401 - it is JSON
    """Replace the control file: what is not given is as if it never had been."""
    target = Path(data_dir) / FILE
    draft = target.with_suffix(f".{os.getpid()}.{threading.get_ident()}")
    draft.write_text(json.dumps(keys))
    draft.replace(target)


class Control:
    """The control file's present content."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / FILE
        self._stamp: tuple[int, int] | None = None
        self._keys: dict[str, Any] = {}
        self._lock = threading.Lock()

    @property
    def keys(self) -> dict[str, Any]:
        """The file's keys, read again if it has changed."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return {}
        stamp = (status.st_mtime_ns, status.st_ino)
        with self._lock:
            if stamp != self._stamp:
                self._keys = json.loads(self._path.read_text() or "{}")
                self._stamp = stamp
            return self._keys

    def login_error(self) -> SqlError | None:
        """The error that every login gets."""
        entry = self.keys.get("login_error")
        if not entry:
            return None
        text = entry.get("message", f"Login refused by error {entry['number']}.")
        return SqlError(entry["number"], text, level=entry.get("class", 14), state=entry.get("state", 1))

    def database_state(self, name: str) -> str | None:
        """The state that a database is said to be in."""
        for known, state in self.keys.get("databases", {}).items():
            if known.lower() == name.lower():
                return str(state)
        return None

    def delay(self, text: str) -> float:
        """Seconds to wait before a batch."""
        entries = self.keys.get("statement_delay", [])
        return float(
            sum(entry["seconds"] for entry in entries if re.search(entry["match"], text, re.IGNORECASE | re.DOTALL))
        )

    def statement_error(self, text: str) -> SqlError | None:
        """The error that a batch gets instead of being run; its `times` are counted down here."""
        for entry in self.keys.get("statement_errors", []):
            if not re.search(entry["match"], text, re.IGNORECASE | re.DOTALL):
                continue
            with self._lock:
                left = entry.get("times")
                if left == 0:
                    continue
                if left is not None:
                    entry["times"] = left - 1
            words = entry.get("message", f"Error {entry['number']}.")
            level, state = entry.get("class", 16), entry.get("state", 1)
            return SqlError(entry["number"], words, level=level, state=state, aborts=True)
        return None
