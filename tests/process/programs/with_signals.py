"""Execute a command with signals ignored and blocked: `with_signals.py IGNORED BLOCKED CMD...`, numbers by commas."""

import os
import signal
import sys


for number in sys.argv[1].split(","):
    signal.signal(int(number), signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_SETMASK, {int(number) for number in sys.argv[2].split(",")})
os.execvp(sys.argv[3], sys.argv[3:])
