"""Docker-in-Docker as process 1 does it: the real launcher, and a stand-in for dockerd."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cgroups import group, inside
from node import MODES, Node
from processes import OCTO_NODE, ROOT, children, wait_until, whole_lines
from scripted import DOOR, FOR_EVER, Scripted, nothing_left, up
from standin.dockerd.install import install
from standin.sqlserver.testing import SqlServer


class Nested(Scripted):
    """A node with Docker-in-Docker; its root has a short path, because that of a socket must be."""

    def __init__(self, folder: Path, root: Path) -> None:
        super().__init__(folder)
        self.journal_file = folder / "dockerd-journal"
        self.control_file = folder / "dockerd-control"
        self.socket = root / "var/run/docker.sock"
        self.pid_file = root / "var/run/docker.pid"
        install(folder / "bin")
        self.environment |= {
            "DISABLE_DIND": "",
            "OCTO_NODE_ROOT": str(root),
            "PATH": f"{folder}/bin:{self.environment['PATH']}",
            "STANDIN_DOCKERD_JOURNAL": str(self.journal_file),
            "STANDIN_DOCKERD_CONTROL": str(self.control_file),
        }

    def tell(self, **keys: object) -> None:
        """Have the next dockerd misbehave."""
        self.control_file.write_text(json.dumps(keys))

    def events(self, event: str) -> list[dict[str, Any]]:
        """Return what each dockerd wrote of `event`."""
        lines = map(json.loads, whole_lines(self.journal_file))
        return [line for line in lines if line["event"] == event]

    @property
    def dockerd(self) -> dict[str, Any]:
        """What the state file tells of dockerd."""
        found: dict[str, Any] = self.state().get("dockerd") or {}
        return found

    def wait_state(self, state: str, restarts: int = 0) -> dict[str, Any]:
        """Return what the state file tells of dockerd once it is in `state`, after so many restarts."""
        there = {"state": state, "restarts": restarts}
        try:
            wait_until(lambda: there.items() <= self.dockerd.items())
        except AssertionError:
            raise AssertionError(f"dockerd isn't {there}, but {self.dockerd}:\n{self.log}") from None
        return self.dockerd

    def kill(self, number: int) -> None:
        """Send dockerd a signal."""
        inside = str(self.dockerd["pid"])
        (pid,) = (each for each in children(self.pid) if self.inner(each) == inside)
        os.kill(pid, number)

    @staticmethod
    def inner(pid: int) -> str:
        """Return the pid of a process as its own namespace knows it."""
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return next(line.split()[-1] for line in lines if line.startswith("NSpid"))


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Nested]:
    """Give a node that isn't started yet."""
    root = Path(tempfile.mkdtemp(prefix="octo-"))
    with Nested(tmp_path, root) as one:
        yield one
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    """Give each way to start a node."""
    return str(request.param)


def test_it_is_started_clean(node: Nested, mode: str) -> None:
    """The daemon listens on its unix socket only, with clean signals, no secret, and `container=docker`."""
    node.environment |= {"NOTIFY_SOCKET": "/nowhere", "OCTO_NODE_DOCKERD_ARGS": "--mtu 1400 --label 'a=b c'"}
    up(node, mode)
    node.wait_state("ready")
    (start,) = node.events("start")
    root = node.environment["OCTO_NODE_ROOT"]
    moved = [f"--data-root={root}/var/lib/docker", f"--exec-root={root}/var/run/docker", f"--pidfile={node.pid_file}"]
    assert start["argv"] == [f"--host=unix://{node.socket}", *moved, "--mtu", "1400", "--label", "a=b c"]
    assert start["blocked"] == 0
    assert start["environ"]["container"] == "docker"
    assert "NOTIFY_SOCKET" not in start["environ"]
    assert "OCTO_NODE_SECRETS_FD" not in start["environ"]
    assert node.environment["ADMIN_PASSWORD"] not in json.dumps(start)
    assert node.dockerd["pid"] == start["pid"]
    assert "dockerd answers." in node.log
    assert node.terminate() == 143


def test_ready_means_that_a_container_was_started(node: Nested) -> None:
    """It is ready once a container has run, from an image made for that; nothing of it is left."""
    up(node)
    node.wait_state("ready")
    (container,) = node.events("container")
    assert container["HostConfig"] == {"NetworkMode": "none", "ReadonlyRootfs": True}
    asked = [(line["method"], line["path"].split("trial-")[0]) for line in node.events("request")]
    assert asked == [
        *(("POST", path) for path in ("/images/create", "/containers/create")),
        *(("POST", f"/containers/abcd/{verb}") for verb in ("start", "wait")),
        ("DELETE", "/containers/octo-node-"),
        *(("POST", path) for path in ("/containers/prune", "/images/prune")),
    ]
    assert "can't start a container" not in node.log


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ({"broken": "apparmor_parser: not found"}, "apparmor_parser: not found"),
        ({"status": 126}, "its container ended with exit code 126"),
    ],
)
def test_a_dockerd_that_starts_no_container(node: Nested, trouble: dict[str, object], said: str) -> None:
    """A dockerd that answers and starts nothing isn't ready: the log quotes it, and the server is started anyhow."""
    node.tell(**trouble)
    up(node)
    node.wait_state("failing")
    assert f"dockerd can't start a container: {said}. Steps in execution containers fail." in node.log
    assert "dockerd is failing: process " in node.verb("status").stdout
    assert "dockerd isn't ready" not in node.log
    taken_away = [line["path"].split("trial-")[0] for line in node.events("request")][-3:]
    assert taken_away == ["/containers/octo-node-", "/containers/prune", "/images/prune"]
    assert node.terminate() == 143


def test_a_dockerd_that_is_stuck(node: Nested) -> None:
    """A dockerd that never ends the start of a container is given up after a time, and its container taken away."""
    node.tell(stuck=1)
    up(node)
    wait_until(lambda: [line for line in node.events("request") if line["path"].endswith("/start")])
    assert node.dockerd["state"] == "starting"
    ask = (
        f"from entrypoint.dockerd import container_trial; container_trial.problem('unix://{node.socket}', 'node', 0.5)"
    )
    done = subprocess.run(
        [sys.executable, "-c", ask], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr.endswith("TimeoutError: no container was started within 0.5 s\n")
    assert [line["path"] for line in node.events("request")][-1] == "/images/prune"
    assert node.terminate() == 143


def test_no_signal_is_ignored(node: Nested) -> None:
    """Neither process 1 nor the launcher, which is Python as well, has dockerd ignore or block a signal."""
    program = node.folder / "bin/dockerd"
    program.write_text(f"#!/bin/sh\ngrep -E 'Sig(Ign|Blk)' /proc/self/status >{node.folder}/told; exec sleep 1000\n")
    node.start("process 1", DOOR)
    node.wait_told("SigBlk:", f"{0:016x}", "SigIgn:", f"{0:016x}")


@pytest.mark.parametrize(("parser", "mounted"), [(True, "securityfs"), (False, ""), (True, "tmpfs"), (False, "tmpfs")])
def test_apparmor_is_shown_to_who_can_use_it(node: Nested, mounted: str, *, parser: bool) -> None:
    """Without apparmor_parser dockerd would refuse each container on a kernel that has AppArmor: it doesn't see it."""
    kernel = Path(node.environment["OCTO_NODE_ROOT"]) / "sys/kernel/security"
    kernel.mkdir(parents=True)
    for name, text in {"dockerd": f"grep {kernel} /proc/mounts >{node.folder}/told", "apparmor_parser": ""}.items():
        program = node.folder / "bin" / name
        program.write_text(f"#!/bin/sh\n{text}; echo end >>{node.folder}/told; exec sleep 1000\n")
        program.chmod(0o755 if parser or name == "dockerd" else 0o644)
    mount = f"mount -t tmpfs none {kernel} && " if mounted == "tmpfs" else ""
    node.start("process 1", ("sh", "-c", f'{mount}exec "$@"', "sh", *DOOR))
    kind = mounted if parser else ""
    wait_until(lambda: node.told()[-1:] == ["end"])
    assert node.told()[2:3] == ([kind] if kind else [])


def test_none_is_started_where_none_is_wanted(node: Nested) -> None:
    """With DISABLE_DIND=Y there is no dockerd, nor a word of it in the state."""
    node.environment["DISABLE_DIND"] = "Y"
    up(node)
    assert node.terminate() == 143
    assert not node.events("start")
    assert node.state()["dockerd"] is None


def test_none_is_started_before_preflight_has_passed(node: Nested) -> None:
    """A preflight that fails ends the node before dockerd is started."""
    node.script("preflight", "exit 17")
    assert node.start("process 1", DOOR).wait() == 17
    assert not node.events("start")


def test_the_server_waits_for_an_answer(node: Nested, mode: str) -> None:
    """The server isn't started before dockerd answers; `status` says what is waited for."""
    node.script("await-dockerd", "until test -e go; do sleep 0.02; done")
    node.script("prepare", "echo done >prepared")
    node.start(mode, DOOR)
    node.wait_told("done", name="prepared")
    node.wait_state("starting")
    status = node.verb("status").stdout
    assert " is waiting for dockerd\n" in status, node.log
    assert "dockerd is starting: process " in status
    assert node.state()["server"] is None
    (node.folder / "go").touch()
    node.wait_phase("up")
    assert "dockerd is ready: process " in node.verb("status").stdout
    assert node.terminate() == 143


def test_the_server_waits_for_the_next_answer(node: Nested) -> None:
    """A dockerd that answered, and is gone when prepare ends, is waited for anew."""
    node.script("prepare", "until [ -e go ]; do sleep 0.05; done")
    node.start("process 1", DOOR)
    node.wait_state("ready")
    node.tell(silent=1)
    node.kill(signal.SIGKILL)
    node.wait_log("dockerd exited unexpectedly")
    (node.folder / "go").touch()
    node.wait_state("starting", restarts=1)
    assert "Octopus.Server is started" not in node.log
    assert node.phase == "preparing"
    node.tell()
    node.kill(signal.SIGKILL)
    node.wait_phase("up")
    assert "dockerd isn't ready" not in node.log
    assert node.terminate() == 143


@pytest.mark.parametrize("trouble", ["silent", "exit"])
def test_the_server_does_not_wait_for_ever(node: Nested, trouble: str) -> None:
    """A dockerd that never answers, or never stays, holds the server up for half a minute, and a warning says so."""
    node.tell(**{trouble: 1})
    begun = time.monotonic()
    up(node)
    assert time.monotonic() - begun > 29
    assert "dockerd isn't ready after 30 s" in node.log
    assert node.dockerd["state"] in {"starting", "restarting"}
    assert node.terminate() == 143
    assert nothing_left(node)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_it_is_started_again_alone(node: Nested, mode: str, number: int) -> None:
    """A dockerd that ends is started again after a second; the server isn't touched."""
    up(node, mode)
    first, server = node.wait_state("ready")["pid"], node.server()
    node.kill(number)
    again = node.wait_state("ready", restarts=1)
    assert again["pid"] != first
    assert node.server() == server
    assert node.phase == "up"
    code = 137 if number == signal.SIGKILL else 0
    assert f"dockerd exited unexpectedly and will be restarted in 1 s. code={code}" in node.log
    assert node.terminate() == 143
    assert nothing_left(node)


def test_the_pauses_double(node: Nested) -> None:
    """A dockerd that ends at once is started again after 1, 2 and 4 seconds."""
    node.tell(exit=3)
    node.start("process 1", DOOR)
    wait_until(lambda: len(node.events("start")) == 4, 60)
    times = [start["time"] for start in node.events("start")]
    pauses = [after - before for before, after in itertools.pairwise(times)]
    for pause, seconds in zip(pauses, (1, 2, 4), strict=True):
        assert pause >= seconds
    for seconds in (1, 2, 4):
        assert f"dockerd exited unexpectedly and will be restarted in {seconds} s. code=3" in node.log
    assert node.dockerd["restarts"] == 3
    assert node.terminate() == 143


def test_it_is_started_later_if_no_process_can_be_had(node: Nested) -> None:
    """A full pids.max at the start harms nobody for good: dockerd, who waits for it, and prepare are started later."""
    with group("pids") as pids:
        node.above = inside(pids)
        # `unshare` and process 1, and who sets the limit until it ends
        node.script("preflight", f"echo 2 >{pids}/pids.max")
        node.start("process 1", DOOR)
        for role in ("dockerd", "await-dockerd", "prepare"):
            node.wait_log(f"run: {role}: ")
        assert node.wait_state("restarting")
        (pids / "pids.max").write_text("max")
        node.wait_phase("up")
        node.wait_state("ready")
        assert node.terminate() == 143


def test_it_outlives_the_server(node: Nested, mode: str) -> None:
    """A stop ends the server first, then dockerd with one TERM, and then what dockerd left."""
    node.tell(shim=True)
    node.script("server", "trap 'sleep 0.3; date +%s.%N >ended; exit 7' TERM; sleep 1000 & wait")
    up(node, mode)
    node.wait_state("ready")
    assert node.terminate() == 7
    (term,) = node.events("TERM")
    # both clocks tell the time since the machine was started, but for its sleep
    offset = time.time() - time.monotonic()
    assert term["time"] + offset >= float(node.told("ended")[0])
    assert nothing_left(node)
    assert node.state()["dockerd"]["state"] == "ended"


def test_a_deaf_one_is_killed(node: Nested) -> None:
    """A dockerd that ignores TERM gets one, and is killed after its time."""
    node.tell(deaf=True)
    up(node)
    node.wait_state("ready")
    assert node.terminate() == 143
    assert len(node.events("TERM")) == 1
    assert "dockerd didn't stop in time and was killed." in node.log
    assert nothing_left(node)


@pytest.mark.parametrize("trouble", [{}, {"silent": True}, {"exit": 1}])
def test_a_stop_during_the_boot(node: Nested, mode: str, trouble: dict[str, object]) -> None:
    """A stop before the server is started ends dockerd too, and gives 128 + the signal; nothing is left."""
    node.tell(**trouble, shim=True)
    node.script("prepare", f"echo begun >begun; {FOR_EVER}")
    node.script("server", "echo started >started")
    node.start(mode, DOOR)
    node.wait_told("begun", name="begun")
    wait_until(lambda: node.events("start"))
    assert node.terminate() == 143
    assert not node.told("started")
    assert nothing_left(node)


def test_a_prepare_that_fails_ends_it(node: Nested) -> None:
    """A node that can't be prepared ends with that code, and dockerd with it."""
    node.script("prepare", "until test -e go; do sleep 0.02; done; exit 12")
    node.start("process 1", DOOR)
    node.wait_state("ready")
    (node.folder / "go").touch()
    assert node.wait() == 12
    assert len(node.events("TERM")) == 1
    assert nothing_left(node)


def test_what_an_earlier_one_left_is_removed(node: Nested) -> None:
    """Pid files of the dead, or of others, and sockets that nobody listens on don't keep dockerd from starting."""
    up(node)
    node.wait_state("ready")
    node.close()  # the container is killed: nobody cleans up
    assert node.pid_file.exists()
    node.pid_file.write_text("1")  # process 1 is alive, but no dockerd
    node.start("process 1", DOOR).wait_log("dockerd answers.")
    assert f"path={node.pid_file}" in node.log
    assert f"path={node.socket}" in node.log


# --- preflight


@pytest.fixture
def refused(tmp_path: Path, sql: SqlServer) -> Iterator[Node]:
    """Give a node with the real preflight, which wants Docker-in-Docker."""
    install(tmp_path / "bin")
    with Node(tmp_path, sql, DISABLE_DIND="") as one:
        one.environment["PATH"] = f"{tmp_path}/bin:{one.environment['PATH']}"
        yield one


@pytest.fixture(scope="module")
def sql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlServer]:
    """Give a SQL Server."""
    with SqlServer.start(tmp_path_factory.mktemp("sql"), tls="off") as server:
        yield server


WITHOUT = ("setpriv", "--bounding-set=-sys_admin", *OCTO_NODE)


def test_without_privileges(refused: Node) -> None:
    """Without CAP_SYS_ADMIN the node ends with 17 before SQL Server is asked, and says what to do."""
    assert refused.start(program=WITHOUT).wait() == 17, refused.log
    assert refused.termination.startswith("Docker-in-Docker isn't possible here, because ")
    assert "the capability CAP_SYS_ADMIN is missing" in refused.termination
    assert ": run the container with --privileged, or set DISABLE_DIND=Y.\n" in refused.termination
    assert refused.journal() == []


def test_all_problems_at_once(refused: Node) -> None:
    """What keeps dockerd from running is told with all other problems; the lowest code is the node's."""
    refused.environment |= {"TASK_CAP": "ten", "OCTO_NODE_DOCKERD_ARGS": "--host tcp://0.0.0.0:2375"}
    assert refused.start(program=WITHOUT).wait() == 11
    first, second, third, _ = refused.termination.splitlines()
    assert "TASK_CAP" in first
    assert "OCTO_NODE_DOCKERD_ARGS has dockerd listen on tcp://0.0.0.0:2375 without asking for certificates" in second
    assert "CAP_SYS_ADMIN" in third


def test_without_dockerd(tmp_path: Path, refused: Node) -> None:
    """Without a dockerd on PATH the node ends with 17."""
    assert refused.start(program=("env", f"PATH={tmp_path}", *OCTO_NODE)).wait() == 17, refused.log
    assert "dockerd, which isn't on PATH" in refused.termination
