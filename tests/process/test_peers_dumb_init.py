"""What dumb-init's tests ask of an init, asked of `octo-node init`: https://github.com/Yelp/dumb-init, tests/.

Left out is what is about its own options (-c, -r, -v) and words. What test_init.py asks already isn't repeated: exit
codes, signals in order, TSTP, TTIN and TTOU, `bash -m`, a filter on a terminal, survivors that get TERM.
"""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from init_program import AT_ONCE, PRINT_SIGNALS, Mode, Terminal, line, on_terminal
from processes import arguments, descendants, state_of, wait_until


LOOKS = 20
ZOMBIES = """
sh -c 'sh -c "exit 0" & exec true' &
wait
until [ "$(ps -A -o stat= | grep -c ^Z)" = 0 ]; do sleep 0.01; done
"""


def test_the_command_finds_the_init_in_the_root_folder(mode: Mode, tmp_path: Path) -> None:
    """However early the command looks, the init stands in / and the command where its caller stood."""

    def look(_: int) -> str:
        return mode.run("init", "--", "sh", "-c", "readlink /proc/$PPID/cwd /proc/self/cwd; pwd", cwd=tmp_path).stdout

    with ThreadPoolExecutor(AT_ONCE) as pool:
        assert set(pool.map(look, range(LOOKS))) == {f"/\n{tmp_path}\n{tmp_path}\n"}


def test_a_command_of_the_folder_we_stand_in(mode: Mode, tmp_path: Path) -> None:
    """A command that is named from the caller's folder on is found there, and told of there if it isn't."""
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\npwd\n")
    program.chmod(0o755)
    assert mode.run("init", "--", "./program", cwd=tmp_path).stdout == f"{tmp_path}\n"
    assert mode.run("init", "--", "./other", cwd=tmp_path).returncode == 127
    program.chmod(0o644)
    assert mode.run("init", "--", "./program", cwd=tmp_path).returncode == 126


def test_term_ends_what_a_shell_put_into_the_background(mode: Mode) -> None:
    """TERM ends both pipelines of a shell, the one in the background and the one it waits for."""
    with mode.start("sh", "-c", "sleep 1000 | sleep 1001 & sleep 1002 | sleep 1003") as started:
        wait_until(lambda: len([pid for pid in descendants(started.pid) if "sleep" in arguments(pid)]) == 4)
        below = descendants(started.pid)
        started.send(signal.SIGTERM)
        assert started.wait() == 143
        wait_until(lambda: not any(state_of(pid) in set("RSD") for pid in below), what="all have ended")


def test_a_terminal_takes_no_signal_to_the_command(mode: Mode, terminal: Terminal) -> None:
    """Where the init leads the terminal's session, the command gets no HUP or CONT for it; those sent do arrive."""
    with on_terminal(mode, terminal, *PRINT_SIGNALS) as started:
        wait_until(lambda: terminal.shows("ready"))
        for number in (signal.SIGUSR1, signal.SIGHUP, signal.SIGCONT):
            started.send(number)
            wait_until(lambda number=number: terminal.shows(f"\n{int(number)}\r"))  # type: ignore[misc]  # of its type
        assert not terminal.shows(str(int(signal.SIGHUP)))


def test_no_zombie_in_the_process_list() -> None:
    """`ps` in the container shows no zombie after a shell left a child to process 1."""
    assert Mode("process 1").init("sh", "-c", ZOMBIES) == 0


def test_the_three_suspensions_one_after_the_other(mode: Mode) -> None:
    """TSTP, TTIN and TTOU each stop the command, and CONT wakes it every time."""
    with mode.start(*PRINT_SIGNALS) as started:
        assert line(started) == "ready"
        command = started.command()
        for number in (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
            started.send(number)
            wait_until(lambda: state_of(command) == "T", what="the command is stopped")
            wait_until(lambda: state_of(started.pid) == ("S" if mode.is_process_1 else "T"))
            os.kill(started.pid, signal.SIGCONT)
            assert line(started) == str(int(signal.SIGCONT))
            wait_until(lambda: state_of(command) == "S", what="the command goes on")
