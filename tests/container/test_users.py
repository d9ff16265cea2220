"""Nodes with less: another user, no capabilities, a root that can't be written. docs/image.md names what they need."""

import pytest
from container.containers import Node, Sql


pytestmark = pytest.mark.timeout(900)  # the first test waits for the images

# what has to be writable, as docs/image.md has it
SHARED = ("/repository", "/artifacts", "/taskLogs", "/eventExports")
HOME = "/home/octopus"
OWN = ("/cache", "/etc/octopus", HOME)
JOURNAL = "/diagnostics"  # the stand-in's


def tmpfs(user: str = "0:0") -> tuple[str, ...]:
    """Return the options that make just those paths writable, for one user only."""
    uid, _, gid = user.partition(":")
    owner = f"uid={uid},gid={gid or uid},mode=0700"
    folders = (f"--tmpfs={path}:{owner}{',exec' * (path == HOME)}" for path in (*SHARED, *OWN, JOURNAL))
    return (*folders, "--tmpfs=/tmp:mode=1777,exec", f"--env=HOME={HOME}", "--env=USER=octopus")


@pytest.mark.parametrize("user", ["1001:0", "12345:0", "999:999"])
def test_plain_user(image: str, network: str, sql: Sql, user: str) -> None:
    """A node comes up as any user that may write where it has to, with a root that can't be written."""
    with Node(image, network, ("--user", user, "--read-only", *tmpfs(user))) as node:
        node.start().wait_up()
        assert node.verb("probe", "readiness").returncode == 0
        for folder in (HOME, "/tmp"):
            tool = f"{folder}/tool"
            assert node.execute("sh", "-c", f"cp /bin/true {tool} && {tool} && echo run") == "run\n"
        assert node.stop() == 0, node.log


def test_read_only(image: str, network: str, sql: Sql) -> None:
    """A node of root's comes up with a root that can't be written."""
    with Node(image, network, ("--read-only", *tmpfs())) as node:
        node.start().wait_up()
        assert node.stop() == 0, node.log


def test_no_capabilities(image: str, network: str, sql: Sql) -> None:
    """A node comes up without any capability; root then can't write to /home/octopus, another user's."""
    options = ("--cap-drop=ALL", "--security-opt=no-new-privileges", "--tmpfs=/home/octopus:mode=0700,uid=0")
    with Node(image, network, options) as node:
        node.start().wait_up()
        assert node.stop() == 0, node.log


@pytest.mark.parametrize("path", [*SHARED, *OWN])
def test_each_is_needed(image: str, network: str, path: str) -> None:
    """Each folder that the documentation names is missed: 18, and a line that names it."""
    options = [each for each in tmpfs() if not each.startswith(f"--tmpfs={path}:")]
    with Node(image, network, ("--read-only", *options, f"--tmpfs={path}:ro")) as node:
        done = node.run()
        assert done.returncode == 18, done.stdout
        assert path in done.stdout
