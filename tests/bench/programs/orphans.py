"""Makes orphans for process 1, as fast as it can, and tells how that went.

`orphans N` prints: how many are left, seconds from the first fork until the last was reaped, CPU seconds that
process 1 took for it.
"""

import os
import sys
import time


BATCH = 100
PATIENCE = 60.0
CPU_OF_INIT = (~1 << 3) | 2  # clock_getcpuclockid(3) of process 1


def make(number: int) -> None:
    """Fork a parent that forks `number` children and ends without waiting for them."""
    parent = os.fork()
    if parent == 0:
        for _ in range(number):
            if os.fork() == 0:
                os._exit(0)
        os._exit(0)
    os.waitpid(parent, 0)


def left() -> int:
    """Return how many processes there are besides process 1 and this one."""
    return sum(name.isdecimal() for name in os.listdir("/proc")) - 2


wanted = int(sys.argv[1])
begun, cpu = time.monotonic(), time.clock_gettime(CPU_OF_INIT)
for _ in range(wanted // BATCH):
    make(BATCH)
while (remaining := left()) and time.monotonic() < begun + PATIENCE:
    time.sleep(0.001)
seconds = time.monotonic() - begun
print("orphans", remaining, seconds, time.clock_gettime(CPU_OF_INIT) - cpu, flush=True)
