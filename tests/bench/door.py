"""What `scripts/bench` does: the sections it was asked for, and one table."""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence

from . import boot, deaf, guard, httpget, idle, machine, orphans, probe, sql, term, undrain
from .figures import Effort, Row, table


SECTIONS: dict[str, Callable[[Effort], list[Row]]] = {
    "probe": probe.rows,
    "httpget": httpget.rows,
    "idle": idle.rows,
    "sql": sql.rows,
    "undrain": undrain.rows,
    "term": term.rows,
    "orphans": orphans.rows,
    "boot": boot.rows,
    "deaf": deaf.rows,
    "guard": guard.rows,
}
PATIENCE = 900  # seconds for a section


def main(arguments: Sequence[str]) -> int:
    """Measure, print the table, and return 0, or 1 if a section failed; what is being measured is said on stderr."""
    parser = argparse.ArgumentParser("scripts/bench", description=__doc__)
    parser.add_argument("section", nargs="*", help=f"one or more of: {', '.join(SECTIONS)} (all)")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: three minutes instead of ten")
    given = parser.parse_args(arguments)
    unknown = [name for name in given.section if name not in SECTIONS]
    if unknown:
        parser.error(f"there is no section {', '.join(unknown)}: there are {', '.join(SECTIONS)}")
    if os.geteuid() != 0:
        print("scripts/bench makes pid namespaces, as a container runtime does: run it as root.", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    signal.signal(signal.SIGALRM, _too_long)
    effort = Effort.QUICK if given.quick else Effort.FULL
    rows, failed = [], False
    for name in given.section or SECTIONS:
        print(f"bench: {name} ...", file=sys.stderr, flush=True)
        signal.alarm(PATIENCE)
        try:
            rows += SECTIONS[name](effort)
        except (OSError, RuntimeError) as error:
            failed = True
            print(f"bench: {name} can't be measured: {error}", file=sys.stderr)
    for peer in machine.missing():
        print(f"bench: {peer} isn't installed: apt-get install {machine.PACKAGES[peer]}", file=sys.stderr)
    print(f"{machine.line()}\n\n{table(rows)}")
    return 1 if failed else 0


def _too_long(*_: object) -> None:
    raise TimeoutError(f"a section takes longer than {PATIENCE} s")
