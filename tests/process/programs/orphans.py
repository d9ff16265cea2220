"""Leave orphans behind: `orphans.py COUNT SECONDS`; print `done`, and sleep on."""

import os
import signal
import sys
import time


COUNT, SECONDS = int(sys.argv[1]), float(sys.argv[2])

for _ in range(COUNT):
    child = os.fork()
    if child == 0:
        if os.fork() == 0:
            time.sleep(SECONDS)
        os._exit(0)
    os.waitpid(child, 0)
print("done", flush=True)
signal.pause()
