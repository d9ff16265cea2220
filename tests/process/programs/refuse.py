"""Execute a command that the kernel refuses a system call, as a seccomp profile does: `refuse.py CALL ERRNO CMD...`."""

import ctypes
import errno
import os
import struct
import sys


# of x86-64 and of arm64
CALLS = {"memfd_create": (319, 279), "fsync": (74, 82)}
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06  # of classic BPF
ALLOW, REFUSE = 0x7FFF0000, 0x00050000


class Program(ctypes.Structure):
    """The kernel's struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


call = CALLS[sys.argv[1]][os.uname().machine != "x86_64"]
steps = (
    (LOAD, 0, 0, 0),  # the number of the call
    (JUMP_IF_EQUAL, 0, 1, call),
    (RETURN, 0, 0, REFUSE | getattr(errno, sys.argv[2])),
    (RETURN, 0, 0, ALLOW),
)
program = Program(len(steps), b"".join(struct.pack("HBBI", *step) for step in steps))
libc = ctypes.CDLL(None, use_errno=True)
for words in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0)):
    if libc.prctl(*words) != 0:
        sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
os.execvp(sys.argv[3], sys.argv[3:])
