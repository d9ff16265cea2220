"""Execute a command beside a file server that hangs: `hung.py FOLDER CMD...`, in a mount namespace of its own.

FOLDER becomes a FUSE file system that nobody answers for: whoever looks into it waits in the kernel.
"""

import ctypes
import os
import sys


folder, command = sys.argv[1], sys.argv[2:]
device = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={device},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}"
libc = ctypes.CDLL(None, use_errno=True)
if libc.mount(b"hung", folder.encode(), b"fuse", 0, options.encode()) != 0:
    sys.exit(f"mount: {os.strerror(ctypes.get_errno())}")
os.dup2(device, 9)  # which is inherited: while it is open, nobody is told that the server is gone
os.execvp(command[0], command)
