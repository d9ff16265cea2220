"""What /proc says about a process: proc(5)."""


def stat_fields(pid: int) -> list[str] | None:
    """Return the fields of /proc/PID/stat from the third on (state, parent, ...); None if there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return None


def name_of(pid: int) -> str:
    """Return the name of process `pid`, at most 15 characters; empty if there is no such process."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def start_time(pid: int) -> int | None:
    """Return when process `pid` was started, in clock ticks since boot; None if there is none, or only a zombie."""
    fields = stat_fields(pid)
    if fields is None or fields[0] in {"Z", "X"}:
        return None
    return int(fields[19])  # field 22 of proc(5)
