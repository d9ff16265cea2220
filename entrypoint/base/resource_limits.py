"""Names the resource limit that a system call ran into, and how to raise it."""

import errno


_LIMITS = {
    errno.EAGAIN: "the limit of processes is reached: raise it (`--pids-limit`, podPidsLimit, `ulimit -u`)",
    errno.EMFILE: "the limit of open files is reached: raise it (`--ulimit nofile=65536`)",
    errno.ENFILE: "the machine's limit of open files is reached: raise it (fs.file-max)",
    errno.ENOMEM: "the memory is used up: raise the container's limit (`--memory`, resources.limits)",
}


def reached(error: OSError) -> str | None:
    """Return which limit `error` means, and how to raise it; None if it means none."""
    return _LIMITS.get(error.errno or 0)


def reason(error: OSError) -> str:
    """Return in words why something failed with `error`, the limit included if one is reached."""
    limit = reached(error)
    return f"{error.strerror} ({limit})" if limit else f"{error.strerror}"
