"""What tini's tests ask of an init, asked of `octo-node init`: https://github.com/krallin/tini, test/ and ci/.

Left out is what is about its own options (-e, -g, -p, -s, -w) and words. What test_init.py asks already isn't repeated:
each exit code, the adoption of a hundred orphans, 127, wrong usage, the caller's ignored and blocked signals.
"""

import shlex
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from init_program import AT_ONCE, FORWARDED, Mode, Terminal, line, on_terminal
from processes import arguments, descendants, wait_until


# by default nothing happens, or a stop ends: signal(7)
DEADLY = [number for number in FORWARDED if number not in {signal.SIGCONT, signal.SIGURG, signal.SIGWINCH}]
BY_DEFAULT = """
import signal, sys
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_DFL)
print("ready", flush=True)
signal.pause()
"""
GROUP = """
import signal, subprocess
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "1000"], preexec_fn=lambda: signal.signal(signal.SIGUSR1, signal.SIG_DFL))
print("ready", flush=True)
child.wait()
"""
ORPHANS = """
import os, subprocess, sys, time
init, group = os.getppid(), os.getpgid(0)
subprocess.run(["sh", "-c", "for n in 1 2 3 4 5 6 7 8 9 10; do sleep 0.0$n & sleep 0.1 & done"])
def left():
    return [int(pid) for pid in open(f"/proc/{init}/task/{init}/children").read().split()]
deadline = time.monotonic() + 60
while left() != [os.getpid()] and time.monotonic() < deadline:
    for pid in left():
        try:
            assert os.getpgid(pid) == group
        except ProcessLookupError:
            pass
sys.exit(left() != [os.getpid()])
"""


def test_a_signal_that_ends_the_command_ends_the_init(mode: Mode) -> None:
    """Each signal that ends a command which does nothing about it gives 128 + its number, ABRT and SEGV included."""

    def end(number: int) -> int:
        with mode.start("sh", "-c", f"ulimit -c 0; exec {shlex.join([sys.executable, '-c', BY_DEFAULT])}") as started:
            assert line(started) == "ready"
            started.send(number)
            return started.wait()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        assert list(pool.map(end, DEADLY)) == [128 + number for number in DEADLY]


def test_a_signal_goes_to_the_whole_group(mode: Mode) -> None:
    """A command that ignores USR1 and waits for a child that doesn't: the child ends, then the command, with 0."""
    with mode.start(sys.executable, "-c", GROUP) as started:
        assert line(started) == "ready"
        wait_until(lambda: any("sleep" in arguments(pid) for pid in descendants(started.pid)))
        started.send(signal.SIGUSR1)
        assert started.wait() == 0


def test_orphans_seen_from_the_command(mode: Mode) -> None:
    """The command sees its orphans below the init, in its own group, until none is left; nothing is said of them."""
    done = mode.run("init", "--", sys.executable, "-c", ORPHANS)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_signal_before_the_command_is_ready(mode: Mode) -> None:
    """A command that starts another as a shell does, and waits, is ended by TERM, USR1 and USR2."""
    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
        with mode.start("sh", "-c", "sleep 1000; exit 1") as started:
            wait_until(lambda: any("sleep" in arguments(pid) for pid in descendants(started.pid)))
            started.send(number)
            assert started.wait() == 128 + number


def test_true_and_false(mode: Mode) -> None:
    """The plainest commands, with and without the separator."""
    assert [mode.run(*words).returncode for words in (["true"], ["false"], ["init", "--", "true"])] == [0, 1, 0]


def test_a_folder_is_not_executable(mode: Mode) -> None:
    """A folder as the command is 126."""
    assert mode.init("/etc") == 126


def test_a_script_by_standard_input(mode: Mode) -> None:
    """A shell reads its script from what was piped to the init."""
    assert mode.run("init", "--", "sh", stdin="exit 9\n").returncode == 9


def test_a_program_that_is_called_like_an_option(mode: Mode, tmp_path: Path) -> None:
    """After the separator a word is a command, whatever it looks like."""
    program = tmp_path / "--version"
    program.write_text("#!/bin/sh\necho it is me\n")
    program.chmod(0o755)
    done = mode.run("init", "--", "--version", env={"PATH": f"{tmp_path}:/usr/bin:/bin"})
    assert (done.returncode, done.stdout) == (0, "it is me\n")


def test_an_interactive_shell_ends_with_its_exit(mode: Mode, terminal: Terminal) -> None:
    """A plain shell on a terminal, without job control of its own, takes `exit 0`."""
    with on_terminal(mode, terminal, "sh", "-i") as started:
        started.command("sh")
        terminal.type("PS1=prompt'> '\n")
        wait_until(lambda: terminal.shows("prompt> "))
        terminal.type("exit 0\n")
        assert started.wait() == 0


def test_ctrl_c_ends_a_loop_in_a_shell(mode: Mode, terminal: Terminal) -> None:
    """Ctrl-C ends a shell that runs one short command after another, with 130."""
    with on_terminal(mode, terminal, "sh", "-c", "while true; do echo turn; sleep 0.05; done") as started:
        wait_until(lambda: terminal.shows("turn"))
        terminal.type("\x03")
        assert started.wait() == 130


def test_the_end_of_the_command_is_the_end(mode: Mode) -> None:
    """When the command has ended the init ends at once, whatever still lives in a session of its own."""
    assert mode.init("sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 & exit 4") == 4
