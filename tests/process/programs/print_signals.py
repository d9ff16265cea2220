"""Print `ready`, and then the number of each signal that arrives; nothing but KILL ends it.

It waits for them, which /proc doesn't tell, and so it also has a handler for each.
"""

import signal
import sys


FILE = sys.stdout if len(sys.argv) == 1 else open(sys.argv[1], "w", encoding="ascii")  # noqa: SIM115 - until the end

signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, lambda *_: None)
print("ready", file=FILE, flush=True)
while True:
    print(signal.sigwaitinfo(signal.valid_signals()).si_signo, file=FILE, flush=True)
