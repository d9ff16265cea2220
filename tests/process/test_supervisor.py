"""`octo-node run`, the real program; preflight, prepare, settle, drain and Octopus.Server are shell scripts."""

import fcntl
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from node import MODES
from processes import OCTO_NODE, ROOT, children, enter, status, wait_until
from scripted import DOOR, FOR_EVER, PROGRAMS, Scripted, nothing_left, up


PRINT_SIGNALS = shlex.join([sys.executable, str(PROGRAMS / "print_signals.py")])
ORPHANS = shlex.join([sys.executable, str(PROGRAMS / "orphans.py")])


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Scripted]:
    """Give a node that isn't started yet."""
    with Scripted(tmp_path) as one:
        yield one


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    """Give each way to start a node."""
    return str(request.param)


# --- a stop before the server is started


@pytest.mark.parametrize("role", ["preflight", "prepare"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_stop_before_the_server_is_started(node: Scripted, mode: str, role: str, number: int) -> None:
    """TERM, INT and QUIT end preflight or prepare, start nothing else, and give 128 + the signal."""
    node.script(role, "echo begun >begun; trap 'exit 3' TERM; sleep 1000 & wait")
    node.script("server", "echo started >started")
    node.start(mode, DOOR)
    node.wait_told("begun", name="begun")
    assert node.terminate(number) == 128 + number
    assert node.state()["phase"] == "stopped"
    assert not node.told("started")


def test_a_helper_that_is_deaf_is_killed(node: Scripted) -> None:
    """A prepare that ignores TERM is killed after the stop's patience, and the code is the stop's."""
    node.environment["OCTO_NODE_STOP_TIMEOUT"] = "1"
    node.script("prepare", f"exec {PRINT_SIGNALS} told")
    node.start("process 1", DOOR)
    node.wait_told("ready")
    assert node.terminate() == 143
    assert node.told() == ["ready", "15"]


# --- helpers that fail


@pytest.mark.parametrize(("role", "code"), [("preflight", 10), ("preflight", 11), ("prepare", 12), ("prepare", 16)])
def test_the_code_of_a_failed_helper_is_the_nodes(node: Scripted, mode: str, role: str, code: int) -> None:
    """A preflight or prepare that fails ends the node with its code, and no server is started."""
    node.script(role, f"exit {code}")
    node.script("server", "echo started >started")
    assert node.start(mode, DOOR).wait() == code
    assert node.state()["phase"] == "failed"
    assert not node.told("started")
    assert node.termination == ""  # whoever failed has told its reason itself


@pytest.mark.parametrize("role", ["preflight", "prepare"])
def test_a_killed_helper_is_told(node: Scripted, mode: str, role: str) -> None:
    """A preflight or prepare that a signal ended can't say so itself: process 1 does, and ends with 137."""
    node.script(role, "kill -KILL $$")
    assert node.start(mode, DOOR).wait() == 137
    assert node.termination.startswith(f"{role} was ended by signal KILL.")
    assert f"{role} was ended by signal KILL." in node.log


def test_a_refused_settle_stops_the_server(node: Scripted, mode: str) -> None:
    """When settle finds a newer database the server gets TERM, and the code is 14, not the server's."""
    node.script("settle", "until test -s told; do sleep 0.05; done; exit 14")
    node.script("server", "trap 'echo TERM >>told; exit 7' TERM; echo ready >told; sleep 1000 & wait")
    assert node.start(mode, DOOR).wait() == 14
    assert node.told() == ["ready", "TERM"]
    assert node.state()["phase"] == "failed"


def test_a_settle_that_fails_is_started_again(node: Scripted) -> None:
    """A settle that ends for another reason doesn't harm the node: it is started again after a while."""
    node.script("settle", "test -e once && exit 0; touch once; exit 70")
    up(node)
    assert "settle exited unexpectedly and will be restarted in 1 s." in node.log
    assert node.terminate() == 143


# --- the server's own end


@pytest.mark.parametrize("code", [0, 7, 100])
def test_the_servers_own_end_is_the_containers(node: Scripted, mode: str, code: int) -> None:
    """A server that ends by itself gives the container its code, and the log says that nobody asked it to."""
    node.script("server", f"until test -e go; do sleep 0.02; done; exit {code}")
    up(node, mode)
    (node.folder / "go").touch()
    assert node.wait() == code
    sentence = f"Octopus.Server ended by itself with exit code {code}; nobody asked it to."
    assert sentence in node.log
    assert node.termination == sentence


def test_a_killed_server_is_told_with_the_tail_of_its_log(node: Scripted, mode: str) -> None:
    """A killed server gives 137, and the termination message has the end of its log, without secrets."""
    log = node.root / "home/octopus/.octopus/OctopusServer/Server/Logs/OctopusServer.txt"
    log.parent.mkdir(parents=True)
    old, secret = "an old line é\n", node.environment["ADMIN_PASSWORD"]
    log.write_text(f"{old * 500}the password is {secret}\nthe last line\n")
    up(node, mode)
    os.kill(node.server(), signal.SIGKILL)
    assert node.wait() == 137
    first, *tail = node.termination.splitlines()
    assert first.startswith("Octopus.Server ended by itself with exit code 137;")
    assert tail[-2:] == ["the password is ********", "the last line"]
    assert set(tail[:-2]) == {"an old line é"}  # whole lines only


@pytest.mark.parametrize(("mode_bits", "code"), [(0o644, 126), (None, 127)])
def test_a_server_that_cannot_be_executed(node: Scripted, mode_bits: int | None, code: int) -> None:
    """A server that can't be executed gives 126 or 127 and a termination message that says why."""
    executable = node.folder / "Octopus/Octopus.Server"
    if mode_bits is None:
        executable.write_text("#!/no/such/interpreter\n")
    else:
        executable.chmod(mode_bits)
    assert node.start("process 1", DOOR).wait() == code
    assert f"{executable} can't be executed: " in node.termination
    assert f"{executable} can't be executed: " in node.log


# --- what the server is started with


def test_the_server_starts_clean(node: Scripted, mode: str) -> None:
    """The server has its own group, clean signals, /dev/null to read, no descriptor but 0, 1, 2, and no secret."""
    server = up(node, mode).server()
    found = status(server)
    assert int(found["SigBlk"], 16) == int(found["SigIgn"], 16) == 0
    assert os.getpgid(server) == server
    assert sorted(os.listdir(f"/proc/{server}/fd")) == ["0", "1", "2"]
    assert Path(f"/proc/{server}/fd/0").readlink() == Path("/dev/null")
    environment = Path(f"/proc/{server}/environ").read_text()
    assert node.environment["ADMIN_PASSWORD"] not in environment
    assert "OCTO_NODE_SECRETS_FD" not in environment


def test_the_server_keeps_the_secrets_that_are_named(node: Scripted) -> None:
    """OCTO_NODE_KEEP_ENV leaves just the secrets it names in the server's environment."""
    node.environment["OCTO_NODE_KEEP_ENV"] = "ADMIN_API_KEY"
    environment = Path(f"/proc/{up(node).server()}/environ").read_text().split("\0")
    assert f"ADMIN_API_KEY={node.environment['ADMIN_API_KEY']}" in environment
    assert node.environment["ADMIN_PASSWORD"] not in "\n".join(environment)


def test_helpers_have_the_secrets(node: Scripted, mode: str) -> None:
    """preflight, prepare, settle and drain read the secrets from the memfd that they inherit."""
    node.environment["OCTO_NODE_DRAIN_ON_STOP"] = "100"
    for role in ("preflight", "prepare", "settle", "drain"):
        node.script(role, f"grep -c ADMIN_PASSWORD /proc/self/fd/$OCTO_NODE_SECRETS_FD >{role}-told")
    assert up(node, mode).terminate() == 143
    for role in ("preflight", "prepare", "settle", "drain"):
        assert node.told(f"{role}-told") == ["1"], role


@pytest.mark.parametrize("closed", ["<&-", "<&- >&-", "<&- >&- 2>&-"])
def test_closed_streams_harm_nobody(node: Scripted, closed: str) -> None:
    """With stdin, stdout or stderr closed by the caller the secrets still reach the helpers, and the node runs."""
    node.script("prepare", "grep -q ADMIN_PASSWORD /proc/self/fd/$OCTO_NODE_SECRETS_FD")
    node.start("process 1", ("sh", "-c", f'exec "$@" {closed}', "sh", *DOOR))
    node.wait_phase("up")
    server = node.server()
    assert sorted(os.listdir(f"/proc/{server}/fd")) == ["0", "1", "2"]
    assert node.terminate() == 143


# --- the stop ladder


def test_term_goes_to_the_servers_pid_only(node: Scripted, mode: str) -> None:
    """A stop's TERM hits the server, not the deployment scripts in its group: the server ends those itself."""
    node.script(
        "server",
        f"{PRINT_SIGNALS} told & task=$!\n"
        "until grep -qs ready told; do sleep 0.02; done\n"
        # 34 comes after a 15 that is there already
        "trap 'kill -34 $task; until grep -q 34 told; do sleep 0.02; done; kill -9 $task; exit 0' TERM\n"
        "echo yes >begun; wait",
    )
    up(node, mode).wait_told("yes", name="begun")
    assert node.terminate() == 0
    assert node.told() == ["ready", "34"]


def test_a_server_that_ignores_term_is_killed(node: Scripted, mode: str) -> None:
    """A server that is deaf to TERM is killed after OCTO_NODE_STOP_TIMEOUT, and gives 137."""
    node.environment["OCTO_NODE_STOP_TIMEOUT"] = "1"
    node.script("server", f"exec {PRINT_SIGNALS} told")
    up(node, mode).wait_told("ready")
    assert node.terminate() == 137
    assert node.told() == ["ready", "15"]
    assert "Octopus.Server didn't stop in time and was killed." in node.log
    assert node.termination == ""  # it was asked to end


@pytest.mark.parametrize(("mode", "deaf"), [("process 1", False), ("subreaper", True)])
def test_what_the_server_leaves_is_ended(node: Scripted, mode: str, *, deaf: bool) -> None:
    """What a server leaves in its group or in sessions of their own gets TERM, and after a time KILL."""
    left = PRINT_SIGNALS if deaf else "sh -c 'trap \"echo 15 >>$0; exit\" TERM; echo ready >$0; sleep 1000 & wait'"
    node.script(
        "server",
        f"{left} {node.folder}/in-group & setsid {left} {node.folder}/in-session &\n"
        "trap 'exit 0' TERM; echo yes >begun; sleep 1000 & wait; wait",
    )
    up(node, mode).wait_told("yes", name="begun")
    node.wait_told("ready", name="in-group")
    node.wait_told("ready", name="in-session")
    assert node.terminate() == 0
    assert node.told("in-group") == ["ready", "15"]
    assert node.told("in-session") == ["ready", "15"]
    assert nothing_left(node)
    assert ("the rest didn't stop in time and was killed." in node.log) == deaf


def test_a_stop_drains_first(node: Scripted, mode: str) -> None:
    """With OCTO_NODE_DRAIN_ON_STOP a stop drains the node, and the server gets TERM only after that."""
    node.environment["OCTO_NODE_DRAIN_ON_STOP"] = "100"
    node.script("drain", "echo drain $1 >>told; until test -e go; do sleep 0.02; done; echo drained >>told")
    node.script("server", "trap 'echo TERM >>told; exit 0' TERM; sleep 1000 & wait")
    up(node, mode).send()
    node.wait_told("drain", "--wait=100")
    (node.folder / "go").touch()
    assert node.wait() == 0
    assert node.told() == ["drain", "--wait=100", "drained", "TERM"]


def test_a_second_stop_skips_the_drain(node: Scripted, mode: str) -> None:
    """A second stop ends the drain, and the server gets its TERM."""
    node.environment["OCTO_NODE_DRAIN_ON_STOP"] = "100"
    node.script("drain", "echo drain >>told; exec sleep 1000")
    node.script("server", "trap 'echo TERM >>told; exit 0' TERM; sleep 1000 & wait")
    up(node, mode).send()
    node.wait_told("drain")
    assert node.terminate(signal.SIGINT) == 0
    assert node.told() == ["drain", "TERM"]


def test_a_third_stop_kills(node: Scripted, mode: str) -> None:
    """A third stop waits for nothing more: everybody is killed, whatever time was left."""
    node.environment["OCTO_NODE_STOP_TIMEOUT"] = "1000"
    node.script("server", f"exec {PRINT_SIGNALS} told")
    up(node, mode).wait_told("ready")
    for times in (1, 2):
        node.send()
        node.wait_log(f"the node is asked to stop. times={times}")
    assert node.terminate() == 137
    assert nothing_left(node)


def test_a_stop_before_the_node_is_up_drains_nothing_without_a_server(node: Scripted) -> None:
    """No drain is started when there is no server to drain."""
    node.environment["OCTO_NODE_DRAIN_ON_STOP"] = "100"
    node.script("prepare", f"echo yes >begun; {FOR_EVER}")
    node.script("drain", "echo drain >>told")
    node.start("process 1", DOOR)
    node.wait_told("yes", name="begun")
    assert node.terminate() == 143
    assert not node.told()


# --- signals, orphans, idleness


def test_other_signals_reach_the_server(node: Scripted, mode: str) -> None:
    """What isn't a stop is passed on to the server's pid, and to nobody else in its group."""
    node.script("server", f"{PRINT_SIGNALS} other & exec {PRINT_SIGNALS} told")
    up(node, mode).wait_told("ready")
    node.wait_told("ready", name="other")
    numbers = [signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH, signal.SIGTSTP, signal.SIGRTMIN]
    for count, number in enumerate(numbers, 1):
        node.send(number)
        node.wait_told("ready", *(str(int(sent)) for sent in numbers[:count]))
    assert node.told("other") == ["ready"]
    assert node.phase == "up"


def test_signals_of_a_fault_reach_the_server(node: Scripted, mode: str) -> None:
    """SEGV and its like, when somebody sent them, end neither process 1 nor the node: the server gets them."""
    node.script("server", f"exec {PRINT_SIGNALS} told")
    up(node, mode).wait_told("ready")
    names = ("SEGV", "BUS", "FPE", "ILL", "ABRT", "TRAP", "SYS")
    numbers = [int(signal.Signals[f"SIG{name}"]) for name in names]
    for count, number in enumerate(numbers, 1):
        node.send(number)
        node.wait_told("ready", *map(str, numbers[:count]))
    assert node.phase == "up"


def test_a_signal_that_would_only_end_the_server_is_not_handed_on(node: Scripted, mode: str) -> None:
    """What the server neither catches nor ignores would end or stop it without a drain: a line says it is left out."""
    node.script("server", "trap '' USR2; trap 'echo HUP >>told' HUP; echo ready >told; while :; do sleep 0.1; done")
    up(node, mode).wait_told("ready")
    for name in ("USR1", "ALRM", "IO", "PWR", "SEGV", "TSTP", "VTALRM", "RTMIN"):
        node.send(signal.Signals[f"SIG{name}"])
        node.wait_log(f"Signal {name} isn't forwarded: the server doesn't catch it and would end.")
    node.send(signal.SIGUSR2)
    node.send(signal.SIGWINCH)
    node.send(signal.SIGHUP)
    node.wait_told("ready", "HUP")
    assert "Signal USR2" not in node.log
    assert "Signal WINCH" not in node.log
    assert node.phase == "up"
    assert node.terminate() == 143


def test_abrt_is_always_handed_on(node: Scripted) -> None:
    """Who sends ABRT wants a dump and an end: the server gets it, whatever it does about it."""
    node.script("server", "ulimit -c 0; exec sleep 1000")
    assert up(node).terminate(signal.SIGABRT) == 134
    assert "Octopus.Server ended by itself with exit code 134" in node.log


def test_a_signal_before_there_is_a_server(node: Scripted) -> None:
    """A signal that is no stop, before the server is started, ends nobody."""
    node.script("prepare", f"echo begun >begun; {FOR_EVER}")
    node.start("process 1", DOOR)
    node.wait_told("begun", name="begun")
    node.send(signal.SIGHUP)
    node.wait_log("Signal HUP isn't forwarded: there is no server.")
    assert node.terminate() == 143


def test_orphans_are_adopted_and_reaped(node: Scripted, mode: str) -> None:
    """What loses its parent in a node becomes a child of octo-node, and leaves no zombie."""
    node.script("server", f"{ORPHANS} 50 1000 >told & exec sleep 1000")
    up(node, mode).wait_told("done")
    pid = node.pid
    wait_until(lambda: len(children(pid)) == 51, what="the orphans are adopted")
    for orphan in set(children(pid)) - {node.server()}:
        os.kill(orphan, signal.SIGKILL)
    wait_until(lambda: children(pid) == [node.server()], what="the orphans are reaped")


def test_below_another_process_1_it_says_so_and_leaves_others_alone(node: Scripted) -> None:
    """Not process 1, octo-node says so, and signals nobody but its own descendants, not even at the end."""
    node.script("server", f"setsid {PRINT_SIGNALS} left & trap 'exit 0' TERM; echo yes >begun; sleep 1000 & wait")
    up(node, "subreaper")
    assert "Not process 1" in node.log
    node.wait_told("ready", name="left")
    bystander = [*enter(node.pid), *PRINT_SIGNALS.split(), str(node.folder / "bystander")]
    with subprocess.Popen(bystander) as process:
        node.wait_told("ready", name="bystander")
        node.send()
        node.wait_told("ready", "15", name="left")  # the last rung: everybody that is left
        assert node.wait() == 0
        process.kill()
    assert node.told("bystander") == ["ready"]


def test_an_idle_node_sleeps(node: Scripted, mode: str) -> None:
    """Process 1 isn't woken up once while nothing happens."""
    up(node, mode)
    pid = node.pid
    wait_until(lambda: status(pid)["State"].startswith("S") and len(children(pid)) == 1)
    before = status(pid)["voluntary_ctxt_switches"]
    begun = time.monotonic()
    wait_until(lambda: time.monotonic() - begun > 3)
    assert status(pid)["voluntary_ctxt_switches"] == before


def test_a_full_stderr_stops_nobody(node: Scripted, mode: str) -> None:
    """A stderr that nobody reads doesn't keep process 1 from its work; what couldn't be said is counted."""
    node.script("server", f"{ORPHANS} 20 0 >told & trap 'exit 5' TERM; sleep 1000 & wait")
    read, write = os.pipe()
    os.write(write, bytes(fcntl.fcntl(write, fcntl.F_GETPIPE_SZ)))
    node.start(mode, DOOR, stderr=write)
    os.close(write)
    node.wait_phase("up")
    node.wait_told("done")
    wait_until(lambda: children(node.pid) == [node.server()], what="orphans are reaped")
    assert node.state()["dropped"] > 0
    # once there is room again, the count is told
    os.read(read, 1 << 20)
    assert node.terminate() == 5
    assert b" dropped=" in os.read(read, 1 << 20)
    os.close(read)


# --- what is told to others


def test_the_state_file(node: Scripted, mode: str) -> None:
    """The state file tells phase, wish, the phases' beginnings and the server, with pid and start time."""
    node.script("settle", "until test -e go; do sleep 0.02; done")
    node.start(mode, DOOR).wait_phase("starting")
    server = node.server()
    (node.folder / "go").touch()
    node.wait_phase("up")
    state = node.state()
    assert state["pid"] == (1 if mode == "process 1" else 2)
    assert state["wanted"] == "up"
    assert list(state["phases"]) == ["preflight", "preparing", "starting", "up"]
    assert sorted(state["phases"].values()) == list(state["phases"].values())
    stat = Path(f"/proc/{server}/stat").read_text().rpartition(")")[2].split()
    assert state["server"]["start"] == int(stat[19])
    assert state["dockerd"] is None
    assert sorted(os.listdir(node.run_dir)) == ["node.json"]
    assert node.terminate() == 143
    state = node.state()
    assert (state["phase"], state["wanted"], state["code"], state["server"]) == ("stopped", "down", 143, None)


def test_an_earlier_state_is_forgotten(node: Scripted) -> None:
    """What a former container left in the run folder is gone before anything is started."""
    node.run_dir.mkdir()
    for name in ("node", "prepare", "settle", "drain"):
        (node.run_dir / f"{name}.json").write_text("{}")
    node.script("preflight", f"ls {node.run_dir} >told; {FOR_EVER}")
    node.start("process 1", DOOR)
    wait_until(lambda: node.told() in (["node.json"], []) and node.phase == "preflight")
    assert not (node.run_dir / "drain.json").exists()


def test_a_run_folder_that_cannot_be_written(node: Scripted) -> None:
    """Where the run folder can't be made, the state is kept in a folder of its own in /tmp, and readers find it."""
    user = 100_000 + os.getpid()  # one that no other node on this machine has
    node.run_dir = Path(f"/tmp/octo-node-{user}")
    (node.folder / "file").touch()
    node.environment["OCTO_NODE_RUN_DIR"] = str(node.folder / "file" / "run")
    try:
        node.start("process 1", ("unshare", f"--map-user={user}", *DOOR)).wait_phase("up")
        assert node.run_dir.stat().st_mode & 0o777 == 0o700
        assert node.process is not None
        # a user enters the user namespace of `unshare` first, which owns the others
        outer = [] if os.getuid() == 0 else enter(node.process.pid)[:-2]
        beside = [*outer, "nsenter", "-t", str(node.pid), "-U", "--preserve-credentials", "-p", "-m"]
        done = subprocess.run([*beside, *OCTO_NODE, "status"], env=node.environment, capture_output=True, check=True)
        assert done.stdout.startswith(b"the node is up")
        assert node.terminate() == 143
    finally:
        shutil.rmtree(node.run_dir, ignore_errors=True)


def test_log_lines_are_json_where_that_is_asked_for(node: Scripted) -> None:
    """With OCTO_NODE_LOG_FORMAT=json each line of process 1 is an object with the same keys."""
    node.environment["OCTO_NODE_LOG_FORMAT"] = "json"
    assert up(node).terminate() == 143
    lines = [json.loads(line) for line in node.log.splitlines()]
    assert all({"time", "level", "process", "event"} <= set(line) for line in lines)
    assert {line["process"] for line in lines} == {"run"}


def test_run_takes_no_arguments(node: Scripted) -> None:
    """`run` with an argument is wrong usage: its settings are environment variables."""
    done = subprocess.run([*OCTO_NODE, "run", "--fast"], cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert done.returncode == 2


def test_a_fault_has_a_traceback_and_a_code_of_its_own(tmp_path: Path) -> None:
    """What nobody foresaw is told with a traceback, and ends with 70: here, a library that is broken."""
    (tmp_path / "structlog.py").write_text("raise RuntimeError('broken')")
    done = subprocess.run(
        [*OCTO_NODE, "preflight"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 70
    assert "Traceback" in done.stderr
    assert done.stderr.endswith("RuntimeError: broken\n")
