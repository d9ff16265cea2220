"""What a container lacks for a rootless engine, one function for each: why not and what to do, or None.

`status` is a file like /proc/self/status. A namespace is really made, and a /proc really mounted: limits, seccomp,
AppArmor and the machine's settings may each refuse that.
"""

import ctypes
import errno
import os
import pwd
import shutil

from entrypoint.base import forked


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

STATUS = "/proc/self/status"
PROGRAMS = ("dockerd", "rootlesskit", "slirp4netns", "newuidmap", "newgidmap")
_SECONDS = 10.0  # for the kernel's answer
_CAPABILITIES = {"SETGID": 1 << 6, "SETUID": 1 << 7}
_ADMINISTRATION = {"NET_ADMIN": 1 << 12, "SYS_ADMIN": 1 << 21}
_NEW_USER, _NEW_PID, _NEW_MOUNTS = 1 << 28, 1 << 29, 1 << 17
_MINIMUM = 65536  # ids that an image may use
MOST = 1 << 16  # bytes that are read of a file
_DOCUMENT = "docs/containers.md"


def programs(search_path: str, names: "Iterable[str]" = PROGRAMS) -> str | None:
    """What has to be in the image; `search_path` is PATH."""
    missing = [name for name in names if shutil.which(name, path=search_path) is None]
    if not missing:
        return None
    return f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'}n't on PATH: {_DOCUMENT} has the image's recipe"


def user_namespaces(proc: str = "/proc") -> str | None:
    """A user namespace is made; `proc` tells why it can't be."""
    number = _tried(lambda: _unshare(_NEW_USER))
    if number is None:
        number = _tried(lambda: _unshare(_NEW_USER, _NEW_MOUNTS))
        return None if number is None else f"a user namespace has no rights here: {hindrance(proc)}"
    return f"no user namespace can be made ({os.strerror(number)}): {hindrance(proc, number)}"


def hindrance(proc: str, number: int = errno.EPERM) -> str:
    """Return who refuses a user namespace, which fails with `number`, and what to do about it."""
    if number == errno.ENOSPC or _word(f"{proc}/sys/user/max_user_namespaces") == "0":
        return "user.max_user_namespaces is used up or 0: raise it on the machine (sysctl)"
    if _word(f"{proc}/sys/kernel/unprivileged_userns_clone") == "0":
        return "kernel.unprivileged_userns_clone is 0: set it to 1 on the machine (sysctl)"
    if _field(f"{proc}/self/status", "Seccomp") == "2":
        return "the container's seccomp profile refuses it: run it with docker/seccomp/octo-node.json"
    profile = _word(f"{proc}/self/attr/current")
    if profile not in {"", "unconfined"}:
        return f"AppArmor's profile {profile} refuses it: run it with docker/apparmor/octo-node, or unconfined"
    if _word(f"{proc}/sys/kernel/apparmor_restrict_unprivileged_userns") == "1":
        return (
            "AppArmor keeps user namespaces from programs without a profile "
            "(kernel.apparmor_restrict_unprivileged_userns): run it with docker/apparmor/octo-node"
        )
    return "the kernel refuses it, or a policy of the machine"


def new_privileges(status: str = STATUS) -> str | None:
    """Programs have to get the rights that their file gives them."""
    if _field(status, "NoNewPrivs") != "1":
        return None
    return (
        "no-new-privileges is set, so newuidmap can't map users: run it without (Kubernetes: allowPrivilegeEscalation: "
        "true)"
    )


def capabilities(status: str = STATUS) -> str | None:
    """The capabilities SETUID and SETGID have to be within bounds."""
    bounds = int(_field(status, "CapBnd") or "0", 16)
    missing = [name for name, bit in _CAPABILITIES.items() if not bounds & bit]
    if not missing:
        return None
    options = " ".join(f"--cap-add {name}" for name in missing)
    return f"newuidmap can't have {' and '.join(missing)}: run the container with {options}"


def administration(status: str = STATUS) -> str | None:
    """Root of a user namespace has to be able to mount, and to make networks, within it."""
    effective = int(_field(status, "CapEff") or "0", 16)
    missing = [name for name, bit in _ADMINISTRATION.items() if not effective & bit]
    if not missing:
        return None
    return f"root of this user namespace has no {' and '.join(missing)}: add it (capabilities.add); it is void outside"


def file_capabilities(search_path: str) -> str | None:
    """The helpers have to have theirs in their file: setuid root isn't enough in a container."""
    without = []
    for name in ("newuidmap", "newgidmap"):
        path = shutil.which(name, path=search_path)
        if path is not None and not _has_capability(path):
            without.append(path)
    if not without:
        return None
    return f"{' and '.join(without)} {'has' if len(without) == 1 else 'have'} no file capability: {_DOCUMENT} says how"


def subordinate_ids(uid: int, folder: str = "/etc", uid_map: str = "/proc/self/uid_map") -> str | None:
    """The user has to have subordinate ids, and the namespace has to have them, too."""
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid} has no name in /etc/passwd, by which newuidmap asks for its ids: {_DOCUMENT} says how"
    for file in ("subuid", "subgid"):
        ranges = _ranges(f"{folder}/{file}", name)
        if sum(count for _, count in ranges) < _MINIMUM - 1002:
            return f"{folder}/{file} has no range of {_MINIMUM} ids for {name}: {_DOCUMENT} says how"
        outside = [first for first, count in ranges if not _is_mapped(uid_map, first, count)]
        if outside:
            return (
                f"{folder}/{file} gives {name} ids from {outside[0]} on, which this user namespace doesn't have: give "
                "it some that are in /proc/self/uid_map"
            )
    return None


def tun(path: str = "/dev/net/tun") -> str | None:
    """The network of a rootless engine is a process's, by a tun device."""
    try:
        os.close(os.open(path, os.O_RDWR))
    except OSError as error:
        return f"{path} can't be opened ({error.strerror}): run the container with --device /dev/net/tun"
    return None


def proc() -> str | None:
    """Containers have a /proc of their own, which the kernel refuses where this one is masked."""
    number = _tried(_mount_proc)
    if number is None:
        return None
    return (
        f"no /proc can be mounted in a container ({os.strerror(number)}), because parts of this one are masked: run it "
        "with --security-opt systempaths=unconfined (Kubernetes: procMount: Unmasked)"
    )


def writable(folder: str, what: str) -> str | None:
    """The engine has to be able to write to `folder`, or to make it."""
    above = folder
    while not os.path.lexists(above):
        above = os.path.dirname(above)
    if os.access(above, os.W_OK | os.X_OK):
        return None
    return f"{folder}, for {what}, can't be written by user {os.getuid()}: mount a volume there that it may write to"


def _tried(work: "Callable[[], None]") -> int | None:
    """Return the errno that `work` ends with in a process of its own; None if it ends well."""

    def tell(_subject: str) -> bytes:
        try:
            work()
        except OSError as error:
            return str(error.errno).encode()
        return b"0"

    answer = forked.run(tell, [""], _SECONDS)[""]
    number = errno.ETIMEDOUT if answer is None else int(answer)
    return number or None


def _unshare(*steps: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    for flags in steps:
        if libc.unshare(flags) != 0:
            raise OSError(ctypes.get_errno(), "unshare")


def _mount_proc() -> None:
    _unshare(_NEW_USER, _NEW_PID | _NEW_MOUNTS)
    pid = os.fork()  # the first process of the new namespace of pids
    if pid:
        _, status = os.waitpid(pid, 0)
        if code := os.waitstatus_to_exitcode(status):
            raise OSError(abs(code), "mount")
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mount(b"none", b"/", None, ctypes.c_ulong((1 << 14) | (1 << 18)), None)  # MS_REC, MS_PRIVATE
    done = libc.mount(b"proc", b"/proc", b"proc", ctypes.c_ulong(0), None)
    os._exit(ctypes.get_errno() if done else 0)


def _has_capability(path: str) -> bool:
    try:
        return bool(os.getxattr(path, "security.capability"))
    except OSError:
        return False


def _ranges(path: str, name: str) -> list[tuple[int, int]]:
    """Return the ranges, first id and count, that a file like /etc/subuid gives to `name`."""
    found = []
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file.read(MOST).splitlines():
                parts = line.strip().split(":")
                if len(parts) == 3 and parts[0] == name and parts[1].isdecimal() and parts[2].isdecimal():
                    found.append((int(parts[1]), int(parts[2])))
    except OSError:
        return []
    return found


def _is_mapped(uid_map: str, first: int, count: int) -> bool:
    with open(uid_map, encoding="ascii") as file:
        lines = file.read(MOST).splitlines()
    spans = sorted((int(begin), int(begin) + int(size)) for begin, _, size in map(str.split, lines))
    for begin, end in spans:
        if begin <= first < end:
            if first + count <= end:
                return True
            count -= end - first
            first = end
    return False


def _word(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(MOST).strip("\0 \n").partition(" ")[0]
    except OSError:
        return ""


def _field(path: str, name: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read(MOST).splitlines()
    except OSError:
        return ""
    return dict(line.split(":", 1) for line in lines if ":" in line).get(name, "").strip()
