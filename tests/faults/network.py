"""A network of our own, in which packets can be dropped or answered with a reset. Only root can make one."""

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


_NEW_NETWORK = 0x40000000  # CLONE_NEWNET, sched.h
_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def own(*, wanted: bool = True) -> Iterator[None]:
    """Have this thread, and whatever it starts, in a network of its own. Skip the test where there can be none."""
    if not wanted:
        yield
        return
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.unshare(_NEW_NETWORK) != 0:
            pytest.skip("only root can make a network of its own")
        try:
            _run("ip", "link", "set", "lo", "up")
            yield
        finally:
            assert _libc.setns(before, _NEW_NETWORK) == 0
    finally:
        os.close(before)


def drop(port: int) -> None:
    """Drop what is sent to `port`: a black hole."""
    rule("DROP", port)


def reset(port: int) -> None:
    """Answer what is sent to `port` with a reset."""
    rule("REJECT", port, "--reject-with", "tcp-reset")


def rule(target: str, port: int, *words: str) -> None:
    """Have `target` decide on packets to `port`, first of all."""
    if not Path("/usr/sbin/iptables").exists():
        pytest.skip("needs iptables")
    _run("iptables", "-I", "INPUT", "-p", "tcp", "--dport", str(port), "-j", target, *words)


def forget() -> None:
    """Let every packet through again."""
    _run("iptables", "-F", "INPUT")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=60)
