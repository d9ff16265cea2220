"""The seccomp profile for a rootless engine: what it allows is what its page says, and no more."""

import re

import seccomp
import yaml


# what the engines' default profiles refuse to a container without capabilities, and this one as well
REFUSED = {
    "acct", "add_key", "bpf", "clock_settime", "delete_module", "fanotify_init", "finit_module", "init_module",
    "ioperm", "iopl", "kcmp", "kexec_file_load", "kexec_load", "lookup_dcookie", "nfsservctl", "open_by_handle_at",
    "perf_event_open", "quotactl", "reboot", "request_key", "settimeofday", "stime", "swapoff", "swapon", "syslog",
    "userfaultfd", "vhangup", "io_uring_setup",
}  # fmt: skip


def test_what_it_allows_is_documented() -> None:
    """Each call beyond the engines' default is in the page's table, and nothing else is there."""
    page = seccomp.PROFILE.with_name("README.md").read_text()
    cells = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    told = [name for cell in cells for name in re.findall("`([a-z0-9_]+)`", cell)]
    _, beyond, *_ = seccomp.read()["syscalls"]
    assert sorted(told) == sorted(beyond["names"])


def test_what_stays_refused() -> None:
    """Calls that reach beyond a user namespace, or into much of the kernel, stay refused; what isn't named is."""
    profile = seccomp.read()
    named = [name for rule in profile["syscalls"] for name in rule["names"]]
    assert not REFUSED & set(named)
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    assert {rule["action"] for rule in profile["syscalls"]} == {"SCMP_ACT_ALLOW"}
    plain = [name for rule in profile["syscalls"] if "args" not in rule for name in rule["names"]]
    assert "socket" not in plain
    assert "personality" not in plain


def test_the_operators_form() -> None:
    """The manifest for the Security Profiles Operator has the same rules."""
    found = yaml.safe_load(seccomp.MANIFEST.read_text())["spec"]
    shared = ("names", "action", "args")
    rules = [{key: rule[key] for key in shared if key in rule} for rule in seccomp.read()["syscalls"]]
    assert found["syscalls"] == rules
