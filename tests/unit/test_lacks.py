"""What a container lacks for a rootless engine, asked of the real kernel, in namespaces that lack it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from processes import ROOT

from entrypoint.dockerd import lacks


def told(call: str, *above: str) -> str:
    """Return what a function of `lacks` says below the command `above`."""
    program = f"from entrypoint.dockerd import lacks; print(lacks.{call})"
    done = subprocess.run(
        [*above, sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.strip()


def test_nothing_is_lacking() -> None:
    """On a machine that allows it all nothing is said."""
    assert lacks.user_namespaces() is None
    assert lacks.proc() is None
    assert lacks.programs("/bin:/usr/bin", ("sh",)) is None
    assert told("new_privileges()") == "None"


def test_no_more_user_namespaces() -> None:
    """Where the limit is 0 the limit is named, not the seccomp profile."""
    limited = ("unshare", "--user", "--map-root-user", "sh", "-c")
    script = 'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"'
    said = told("user_namespaces()", *limited, script, "sh")
    assert said.startswith(
        "no user namespace can be made (No space left on device): user.max_user_namespaces is used up"
    )


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("sys/kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone is 0: set it to 1"),
        (
            "self/status",
            "Seccomp:\t2\n",
            "the container's seccomp profile refuses it: run it with docker/seccomp/octo-",
        ),
        ("self/attr/current", "docker-default (enforce)\n", "AppArmor's profile docker-default refuses it"),
        (
            "sys/kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "AppArmor keeps user namespaces from programs without",
        ),
        ("none", "", "the kernel refuses it, or a policy of the machine"),
    ],
)
def test_who_refuses_user_namespaces(tmp_path: Path, file: str, text: str, said: str) -> None:
    """The kernel only says EPERM: who is behind it is found in /proc."""
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    assert said in lacks.hindrance(str(tmp_path))


def test_no_new_privileges() -> None:
    """Under no-new-privileges newuidmap gets nothing."""
    assert "no-new-privileges is set" in told("new_privileges()", "setpriv", "--no-new-privs")


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ("-setuid", "newuidmap can't have SETUID: run the container with --cap-add SETUID"),
        ("-setuid,-setgid", "can't have SETGID and SETUID: run the container with --cap-add SETGID --cap-add SETUID"),
        ("-sys_admin", "None"),
    ],
)
def test_missing_capabilities(bounds: str, said: str) -> None:
    """Which of the two capabilities is out of bounds is named."""
    assert said in told("capabilities()", "setpriv", f"--bounding-set={bounds}")


@pytest.mark.parametrize(
    ("bounds", "said"),
    [("-net_admin", "has no NET_ADMIN: add it"), ("-net_admin,-sys_admin", "has no NET_ADMIN and SYS_ADMIN")],
)
def test_root_of_a_namespace(bounds: str, said: str) -> None:
    """Root of a pod's own user namespace needs two capabilities there."""
    assert said in told("administration()", "setpriv", f"--bounding-set={bounds}")
    assert told("administration()", "unshare", "--user", "--map-root-user") == "None"


def test_a_masked_proc() -> None:
    """Where a part of /proc is covered, as Docker covers some, no container gets one of its own."""
    script = 'mount -t tmpfs none /proc/tty && exec "$@"'
    said = told("proc()", "unshare", "--mount", "sh", "-c", script, "sh")
    assert said.startswith(
        "no /proc can be mounted in a container (Operation not permitted), because parts of this one"
    )


def test_programs(tmp_path: Path) -> None:
    """What isn't on PATH is named."""
    assert str(lacks.programs(str(tmp_path), ("a", "b"))).startswith("a, b aren't on PATH: ")


@pytest.mark.parametrize("has", [True, False])
def test_file_capabilities(tmp_path: Path, *, has: bool) -> None:
    """A helper without a capability in its file is named."""
    for name in ("newuidmap", "newgidmap"):
        (tmp_path / name).touch(0o755)
        if has:
            # version 2 of the kernel's struct vfs_cap_data: effective, and CAP_SETUID
            os.setxattr(
                tmp_path / name, "security.capability", bytes.fromhex("0100000280000000000000000000000000000000")
            )
    said = lacks.file_capabilities(str(tmp_path))
    assert (
        said is None if has else str(said).startswith(f"{tmp_path}/newuidmap and {tmp_path}/newgidmap have no file cap")
    )


@pytest.mark.parametrize(
    ("entry", "uid_map", "said"),
    [
        ("root:100000:65536", "0 0 4294967295", None),
        ("root:1:1000\nroot:1002:64534", "0 4000000 65536", None),
        (
            "root:100000:65536",
            "0 4000000 65536",
            "gives root ids from 100000 on, which this user namespace doesn't have",
        ),
        ("root:100000:65536", "0 0 100001\n100001 200000 65536", None),
        ("other:100000:65536", "0 0 4294967295", "/subuid has no range of 65536 ids for root"),
        ("root:100000:1000", "0 0 4294967295", "/subuid has no range of 65536 ids for root"),
        ("root:ten:1000\n\nx", "0 0 4294967295", "/subuid has no range of 65536 ids for root"),
    ],
)
def test_subordinate_ids(tmp_path: Path, entry: str, uid_map: str, said: str | None) -> None:
    """A range that isn't there, is too small, or is outside of the namespace is told."""
    for name in ("subuid", "subgid"):
        (tmp_path / name).write_text(f"{entry}\n")
    (tmp_path / "uid_map").write_text(f"{uid_map}\n")
    found = lacks.subordinate_ids(0, str(tmp_path), str(tmp_path / "uid_map"))
    assert found is None if said is None else said in str(found)


def test_a_user_without_a_name() -> None:
    """A user that /etc/passwd doesn't know gets no ids."""
    assert str(lacks.subordinate_ids(54321)).startswith("user 54321 has no name in /etc/passwd")


def test_tun(tmp_path: Path) -> None:
    """A device that isn't there is told, with the option."""
    assert lacks.tun("/dev/null") is None
    assert "(No such file or directory): run the container with --device /dev/net/tun" in str(
        lacks.tun(str(tmp_path / "x"))
    )


def test_folders(tmp_path: Path) -> None:
    """A folder that can be made is as good as one that is there."""
    assert lacks.writable(str(tmp_path / "a/b"), "images") is None
    said = told("writable('/a/b', 'images')", "setpriv", "--reuid=12345", "--clear-groups")
    assert said == "/a/b, for images, can't be written by user 12345: mount a volume there that it may write to"
