"""`scripts/demo`: go through the steps and tell which did what they say."""

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import FrameType

from .programs import Programs
from .steps import SQL_LATE, Demo


INTRODUCTION = """\
The node is real: octo-node, as it would run in a container. Octopus.Server and SQL Server are STAND-INS: programs
in tests/standin that speak the same interfaces, because the real ones can't be had from a package registry.
Nothing you see here is Octopus Deploy's or Microsoft's.
"""
STEPS: dict[str, Callable[[Demo], None]] = {
    "A check tells what a start would run, without secrets": Demo.check,
    f"A start without SQL Server waits, and says so (for {SQL_LATE:g} s)": Demo.wait_for_sql,
    "SQL Server appears: the node is configured and comes up": Demo.come_up,
    "The three probes say yes": Demo.probe,
    "The status tells how long each part of the start took": Demo.status,
    "A drain waits for the task that runs": Demo.drain,
    "An undrain has the node take tasks again": Demo.undrain,
    "SIGTERM stops the node, and nothing is left": Demo.stop,
    "A second start runs no configure command": Demo.start_again,
}
STAY = {"The node stays up for you": Demo.stay}
LAST = {"SIGTERM stops the node again": Demo.stop}


def main() -> int:
    """Run the demo; return 0 if each step did what it says."""
    parser = argparse.ArgumentParser("scripts/demo", description="A real node, with stand-ins, and what it does.")
    parser.add_argument(
        "--once", action="store_true", help="run through, and exit 0 only if each step did what it says"
    )
    steps = STEPS | ({} if parser.parse_args().once else STAY) | LAST
    if isinstance(sys.stdout, object) and hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a terminal that knows no tick
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    print(INTRODUCTION, flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="octo-node-demo-", ignore_cleanup_errors=True) as folder,
        closing(Programs(Path(folder))) as programs,
    ):
        problem = run(Demo(programs), steps)
    return 1 if problem else 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def run(demo: Demo, steps: dict[str, Callable[[Demo], None]]) -> str | None:
    """Run `steps` until one fails, print a summary, and return what was wrong, None if nothing was."""
    marks: list[str] = []
    problem = None
    for title, step in steps.items():
        print(f"\n=== {title}", flush=True)
        try:
            step(demo)
        except KeyboardInterrupt:
            problem = "interrupted"
        except Exception as error:  # noqa: BLE001 - whatever it is, the step didn't do what it says
            problem = f"{type(error).__name__}: {error}"
        marks.append("\N{BALLOT X}" if problem else "\N{CHECK MARK}")
        if problem:
            break
    print("\n=== Summary")
    for number, title in enumerate(steps):
        print(f"  {marks[number] if number < len(marks) else '-'} {title}")
    if problem:
        print(f'\nscripts/demo: the step "{list(steps)[len(marks) - 1]}" failed: {problem}', file=sys.stderr)
    return problem


if __name__ == "__main__":
    sys.exit(main())
