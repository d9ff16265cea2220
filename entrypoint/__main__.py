"""`python -m entrypoint`, and what the console script calls."""

import sys
from _signal import SIG_BLOCK, pthread_sigmask, valid_signals


def main() -> int:
    """Block all signals, then see who we are: the kernel drops a signal that finds process 1 unprepared.

    `_signal` is built into the interpreter; `signal` would be milliseconds of deafness (docs/benchmarks.md). SEGV and
    its like are among them: one that somebody sent can wait, and a process that faults is killed, blocked or not.
    """
    mask = pthread_sigmask(SIG_BLOCK, valid_signals())
    from . import cli  # noqa: PLC0415 - after the signals are blocked

    return cli.main(sys.argv[1:], mask)


if __name__ == "__main__":
    sys.exit(main())
