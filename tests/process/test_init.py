"""`octo-node init -- CMD`, the real program: as process 1 of a pid namespace, and below another process 1."""

import os
import random
import shlex
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from init_program import (
    AT_ONCE,
    FORWARDED,
    PRINT_SIGNALS,
    PROGRAMS,
    SUSPENDS,
    Mode,
    Terminal,
    line,
    on_terminal,
)
from processes import (
    NAMESPACE,
    OCTO_NODE,
    ROOT,
    arguments,
    children,
    descendants,
    is_listening,
    state_of,
    status,
    wait_until,
)


def masks(text: str) -> dict[str, set[int]]:
    """Return the signals that are ignored and blocked, from the text of a /proc/PID/status."""
    found = dict(line.split(":\t") for line in text.splitlines() if line.startswith(("SigIgn", "SigBlk")))
    return {name: {n for n in range(1, 65) if int(value, 16) >> (n - 1) & 1} for name, value in found.items()}


def test_every_exit_code_is_passed_on(mode: Mode) -> None:
    """A command's exit code is octo-node's, each of the 256."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        codes = list(pool.map(lambda code: mode.init("sh", "-c", f"exit {code}"), range(256)))
    assert codes == list(range(256))


def test_the_end_by_a_signal_is_128_and_its_number(mode: Mode) -> None:
    """A command that a signal ended gives 128 + its number."""
    numbers = [*FORWARDED, signal.SIGKILL]
    deadly = [number for number in numbers if number not in {signal.SIGCONT, signal.SIGURG, signal.SIGWINCH}]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        codes = list(pool.map(lambda number: mode.init("sh", "-c", f"ulimit -c 0; kill -{number:d} $$"), deadly))
    assert codes == [128 + number for number in deadly]


def test_every_signal_arrives_in_order(mode: Mode) -> None:
    """Each signal reaches the command, in the order sent: real-time ones, and SEGV and its like if they were sent."""
    with mode.start(*PRINT_SIGNALS) as started:
        assert line(started) == "ready"
        for number in FORWARDED:
            os.kill(started.pid, number)
            assert line(started) == str(int(number))


def test_a_burst_of_signals_loses_none(mode: Mode) -> None:
    """Hundreds of queued signals all arrive, however slowly the command takes them."""
    queued = [signal.SIGRTMIN + i % 3 for i in range(600)]
    with mode.start(*PRINT_SIGNALS) as started:
        assert line(started) == "ready"
        for number in queued:
            os.kill(started.pid, number)
        assert sorted(line(started) for _ in queued) == sorted(str(int(number)) for number in queued)


@pytest.mark.parametrize("number", sorted(SUSPENDS))
def test_a_suspension_stops_the_command_and_cont_wakes_it(mode: Mode, number: int) -> None:
    """TSTP, TTIN and TTOU stop the command, whatever it does about them, and send it CONT to resume it."""
    with mode.start(*PRINT_SIGNALS) as started:
        assert line(started) == "ready"
        os.kill(started.pid, number)
        command = started.command()
        wait_until(lambda: state_of(command) == "T", what="the command is stopped")
        # not process 1, it stops as well, so that a shell sees its job stopped
        wait_until(lambda: state_of(started.pid) == ("S" if mode.is_process_1 else "T"))
        os.kill(started.pid, signal.SIGCONT)
        assert line(started) == str(int(signal.SIGCONT))
        wait_until(lambda: state_of(command) == "S", what="the command goes on")


def test_dead_orphans_leave_no_zombie(mode: Mode) -> None:
    """Two hundred orphans that end are all reaped while the command runs on."""
    with mode.start(sys.executable, str(PROGRAMS / "orphans.py"), "200", "0") as started:
        assert line(started) == "done"
        wait_until(lambda: children(started.pid) == [started.command()], what="all orphans are reaped")


def test_living_orphans_are_adopted(mode: Mode) -> None:
    """A hundred orphans become octo-node's children, stay in the command's group, and are reaped in the end."""
    with mode.start(sys.executable, str(PROGRAMS / "orphans.py"), "100", "1000") as started:
        assert line(started) == "done"
        command = started.command()
        wait_until(lambda: len(children(started.pid)) == 101, what="all are adopted")
        adopted = children(started.pid)
        assert {os.getpgid(pid) for pid in adopted} == {command}
        for pid in set(adopted) - {command}:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: children(started.pid) == [command], what="all orphans are reaped")


def test_term_ends_a_whole_pipeline(mode: Mode) -> None:
    """A signal goes to the command's process group, so no part of a pipeline is left."""
    with mode.start("sh", "-c", "sleep 1000 | sleep 1001 | sleep 1002") as started:
        wait_until(lambda: len([pid for pid in descendants(started.pid) if "sleep" in arguments(pid)]) == 3)
        pipeline = descendants(started.pid)
        os.kill(started.pid, signal.SIGTERM)
        assert started.wait() == 143
        wait_until(lambda: not any(state_of(pid) in set("RSD") for pid in pipeline), what="the pipeline has ended")


def test_survivors_of_the_command_get_term(tmp_path: Path) -> None:
    """What the command leaves in its group is asked to end when it has ended, and its exit code is kept."""
    told, pid = tmp_path / "told", tmp_path / "pid"
    survivor = f"{shlex.join(PRINT_SIGNALS)} {told} & echo $! >{pid}; until grep -qs ready {told}; do :; done; exit 3"
    done = subprocess.run([*OCTO_NODE, "init", "--", "sh", "-c", survivor], cwd=ROOT, timeout=60, check=False)
    try:
        assert done.returncode == 3
        wait_until(lambda: told.read_text().split() == ["ready", "15"], what="the survivor got TERM")
    finally:
        os.kill(int(pid.read_text()), signal.SIGKILL)


def test_a_clean_caller_gives_clean_signals(mode: Mode) -> None:
    """The command starts with no signal ignored and none blocked."""
    found = mode.run("init", "--", "cat", "/proc/self/status").stdout
    assert masks(found) == {"SigIgn": set(), "SigBlk": set()}


def test_what_the_caller_ignored_and_blocked_is_handed_on(mode: Mode) -> None:
    """The command ignores and blocks what octo-node's caller did, as under tini."""
    ignored = (signal.SIGTTOU, signal.SIGSEGV, signal.SIGINT, signal.SIGHUP)
    blocked = (signal.SIGTTIN, signal.SIGILL, signal.SIGTERM, signal.SIGRTMIN)
    words = [",".join(str(int(number)) for number in numbers) for numbers in (ignored, blocked)]
    with_signals = [sys.executable, str(PROGRAMS / "with_signals.py"), *words]
    found = subprocess.run(
        [*mode.above, *with_signals, *OCTO_NODE, "init", "--", "cat", "/proc/self/status"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    assert masks(found) == {"SigIgn": set(ignored), "SigBlk": set(blocked)}


def test_an_ignored_chld_hides_no_exit_code(mode: Mode) -> None:
    """A caller that ignores SIGCHLD, so that the kernel would reap in our place, changes nothing."""
    with_signals = [sys.executable, str(PROGRAMS / "with_signals.py"), str(int(signal.SIGCHLD)), "1"]
    command = [*NAMESPACE, *with_signals, *OCTO_NODE, "init", "--", "sh", "-c", "exit 7"]
    assert subprocess.run(command, cwd=ROOT, timeout=60, check=False).returncode == 7


def test_what_is_not_there_is_127(mode: Mode) -> None:
    """A command that can't be found gives 127 and a line that names it."""
    done = mode.run("init", "--", "no-such-command")
    assert (done.returncode, done.stderr) == (127, "octo-node: no-such-command: No such file or directory.\n")


def test_a_file_in_path_is_passed_over() -> None:
    """A file in PATH, where folders belong, doesn't turn `not found` into something else."""
    done = Mode("process 1").run("init", "--", "no-such-command", env={"PATH": "/usr/bin:/bin:/etc/passwd"})
    assert done.returncode == 127


def test_what_cannot_be_executed_is_126(mode: Mode, tmp_path: Path) -> None:
    """A command that may not be executed gives 126 and a line that names it."""
    file = tmp_path / "file"
    file.touch(0o644)
    done = mode.run("init", "--", str(file))
    assert (done.returncode, done.stderr) == (126, f"octo-node: {file}: Permission denied.\n")


@pytest.mark.parametrize("words", [["init"], ["init", "--"], ["init", "--verbose", "true"], []])
def test_no_command_is_wrong_usage(words: list[str]) -> None:
    """Without a command, or with an option that isn't known, the exit code is 2 and the usage is told."""
    done = Mode("process 1").run(*words)
    assert done.returncode == 2
    assert "octo-node init -- CMD" in done.stderr


def test_only_one_separator_is_taken() -> None:
    """`init -- -- true` asks for a command named `--`, which isn't there."""
    assert Mode("process 1").run("init", "--", "--", "true").returncode == 127


def test_a_first_word_that_is_no_verb_is_run(mode: Mode) -> None:
    """`docker run IMAGE sh -c ...` works: what isn't a verb is a command."""
    assert mode.run("sh", "-c", "exit 7").returncode == 7


def test_a_mistyped_verb_gets_a_hint() -> None:
    """A verb with a typo is looked for as a command, and the message names the nearest verb."""
    done = Mode("process 1").run("prob", "readiness")
    assert done.returncode == 127
    assert "Did you mean `octo-node probe`?" in done.stderr


def test_stdin_reaches_the_command(mode: Mode) -> None:
    """The command reads what octo-node was given to read."""
    assert mode.run("init", "--", "cat", stdin="one\ntwo\n").stdout == "one\ntwo\n"


def test_the_command_keeps_the_folder_that_octo_node_leaves(mode: Mode) -> None:
    """The command stands where its caller stood; octo-node in /, so that it keeps no mount busy."""
    with mode.start("sh", "-c", "pwd; exec sleep 1000") as started:
        assert line(started) == str(ROOT)
        wait_until(lambda: Path(f"/proc/{started.pid}/cwd").readlink() == Path("/"), what="octo-node stands in /")


def test_a_signal_right_after_the_start_is_not_swallowed(mode: Mode) -> None:
    """TERM ends octo-node and its command at any moment from the first blocked signal on, before or after the exec."""
    pause = random.Random(1)

    def end_early(_: int) -> int:
        with mode.start("sleep", "1000") as started:
            wait_until(lambda: is_listening(started.pid), what="signals are blocked")
            time.sleep(pause.uniform(0, 0.04))
            os.kill(started.pid, signal.SIGTERM)
            return started.wait()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        assert set(pool.map(end_early, range(100))) == {143}


def test_ctrl_c_ends_the_command(mode: Mode, terminal: Terminal) -> None:
    """Ctrl-C on the terminal reaches the command, and the exit code says so."""
    with on_terminal(mode, terminal, "sleep", "1000") as started:
        started.command("sleep")
        terminal.type("\x03")
        assert started.wait() == 130


def test_a_shell_with_monitor_mode_has_the_terminal(mode: Mode, terminal: Terminal) -> None:
    """A bash that is asked for job control has it: `m` in `$-`, and no complaint."""
    with on_terminal(mode, terminal, "bash", "-m", "-c", 'case $- in *m*) echo "has it";; esac') as started:
        wait_until(lambda: terminal.shows("has it"))
        assert started.wait() == 0
        assert not terminal.shows("no job control")


def test_an_interactive_shell_suspends_and_resumes_its_jobs(mode: Mode, terminal: Terminal) -> None:
    """In an interactive bash Ctrl-Z stops a job, `fg` has it go on, and Ctrl-C ends it but not the shell."""
    with on_terminal(mode, terminal, "bash", "--norc", "--noprofile", "-i") as started:
        terminal.type("PS1=prompt'> '\n")
        wait_until(lambda: terminal.shows("prompt> "))
        terminal.type("sleep 1000\n")
        shell = started.command("bash")
        job = wait_until(lambda: next((pid for pid in children(shell) if "sleep" in arguments(pid)), None))
        terminal.type("\x1a")
        wait_until(lambda: state_of(job) == "T" and terminal.shows("Stopped"), what="the job is stopped")
        terminal.type("fg\n")
        wait_until(lambda: state_of(job) == "S", what="the job goes on")
        terminal.type("\x03")
        wait_until(lambda: not status(job), what="the job has ended")
        terminal.type("exit 5\n")
        assert started.wait() == 5


def test_a_filter_works_through_a_terminal(mode: Mode, terminal: Terminal) -> None:
    """What is typed reaches the command up to Ctrl-D, and its answer is shown."""
    with on_terminal(mode, terminal, "tac") as started:
        started.command("tac")
        terminal.type("one\ntwo\n\x04")
        wait_until(lambda: terminal.shows("two\r\none\r\n"), what="the lines in reverse")
        assert started.wait() == 0
