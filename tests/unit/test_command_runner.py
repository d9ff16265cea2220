"""What commands print: bounded in bytes and time, and told so that the cause can be seen."""

import itertools
import sys
import textwrap
import time
from pathlib import Path

import pytest

from entrypoint import structured_log
from entrypoint.base.redact import MASK, mask, passwords
from entrypoint.octopus import command_output, command_runner
from entrypoint.octopus.command_output import CommandOutput
from entrypoint.octopus.command_runner import Runner


FRAMES = "\n".join(f"   at Octopus.Server.Startup.Frame{i}(String[] args)" for i in range(300))
SQL = "Microsoft.Data.SqlClient.SqlException (0x80131904): Cannot open database 'Octopus'."
LINES = "\n".join(f"line {number} of the message" for number in range(50))
CAUSE = " ---> System.InvalidOperationException: Inner."
EXCEPTIONS = {
    "bare": (f"{SQL}\n{FRAMES}", SQL),
    "unhandled": (f"Unhandled exception. {SQL}\n{FRAMES}", f"Unhandled exception. {SQL}"),
    "a message of several lines": (
        f"System.Exception: First.\nSecond.\n\nThird.\n{FRAMES}",
        "System.Exception: First.",
    ),
    "with causes": (
        f"Octopus.OuterException: Outer.\n{CAUSE}\n{FRAMES}\n   --- End of inner exception stack trace ---\n{FRAMES}",
        "Octopus.OuterException: Outer.",
    ),
    "after one without a stack trace": (f"WARN System.IO.IOException: Retried.\nOnce more.\n{SQL}\n{FRAMES}", SQL),
    "after another": (f"System.IO.IOException: Retried.\n   at A.B()\nOnce more.\n{SQL}\n{FRAMES}", SQL),
    "before another": (f"{SQL}\n{FRAMES}\nEnding.\nSystem.ObjectDisposedException: Too late.\n{FRAMES}", SQL),
    "the message first": (f"FATAL Failed upgrading.\nUnrecognised prefix.\nSystem.Exception\n{FRAMES}", "FATAL Failed"),
    "a long message": (f"{SQL}\n{LINES}\n{FRAMES}", SQL),
    "without a type": (f"Configuring.\nThe master key isn't the database's.\n{FRAMES}", "The master key isn't the"),
    "in colours": (f"\x1b[31m{SQL}\x1b[0m\n{FRAMES}", SQL),
}
OPERATOR = {"PATH": "/usr/bin:/bin"}


def run(script: str, seconds: float = 60, **options: object) -> str:
    """Run a shell script as a command of the server."""
    log = structured_log.logger("test", [])
    return Runner(OPERATOR, log).run(["sh", "-c", script], "script", seconds=seconds, **options)  # type: ignore[arg-type]


def taken(*chunks: bytes) -> list[str]:
    """Return the lines that chunks of output become."""
    output = CommandOutput()
    lines = list(itertools.chain.from_iterable(map(output.take, chunks)))
    return [*lines, *output.finish()]


@pytest.mark.parametrize("script", ["printf KEY==", "printf 'KEY==\n'", r"printf '\033[1mKEY==\033[0m'"])
def test_a_last_line_is_told_once(script: str) -> None:
    """A key that is printed without a newline, or in colours, is the key."""
    assert run(script) == "KEY=="


@pytest.mark.parametrize(("text", "first"), EXCEPTIONS.values(), ids=EXCEPTIONS)
def test_an_exception_is_told_by_its_first_line(tmp_path: Path, text: str, first: str) -> None:
    """However long a stack trace is, the error has what the exception says, and then the last lines, bare."""
    (tmp_path / "text").write_text(text)
    with pytest.raises(command_runner.CommandError) as caught:
        run(f"cat {tmp_path}/text; exit 100")
    sentence, *told = str(caught.value).splitlines()
    assert sentence == "`script` failed with exit code 100."
    heads = told[: -command_output.TOLD]
    assert 1 <= len(heads) <= 4
    assert any(line.startswith(first) for line in heads)
    assert told[len(heads) :] == text.splitlines()[-command_output.TOLD :]
    assert "\x1b" not in str(caught.value)
    assert any(line.startswith(first) for line in caught.value.output.splitlines()), (
        "whoever looks for the cause finds it"
    )


@pytest.mark.parametrize(("end", "said"), [("exit 3", "failed with exit code 3"), ("kill -SEGV $$", "by signal SEGV")])
def test_an_end_is_told_as_what_it_was(end: str, said: str) -> None:
    """A command that a signal ended has no exit code: the signal is named."""
    with pytest.raises(command_runner.CommandError, match=said):
        run(end)


def test_a_short_error_is_told_as_it_is() -> None:
    """A message without a stack trace, or a short one, isn't changed."""
    for text in ("No.\nNever.", f"Sorry.\n{SQL}\n   at A.B()\n   at C.D()"):
        assert command_output.summary(text) == text
    assert command_output.summary("") == ""


def test_lines_come_from_pieces() -> None:
    """How the output is cut into pieces changes nothing, not even within a character or a colour."""
    whole = "\ufeffone\r\n\ntwo é \x1b[31;1mred\x1b[0m\x1b]0;title\x07\n\x1b(Blast".encode()
    assert taken(whole) == ["one", "", "two é red", "last"]
    assert taken(*(bytes([byte]) for byte in whole)) == taken(whole)


def test_a_long_line_is_cut() -> None:
    """A line has 64 KB at most; what follows is dropped, and the next line is whole again."""
    megabyte = b"x" * (1 << 20)
    lines = taken(*[megabyte] * 50, b"\nnext\n", b"y" * command_output.MAX_LINE)
    assert lines == ["x" * command_output.MAX_LINE + " ...", "next", "y" * command_output.MAX_LINE]


def test_a_line_of_50_megabytes() -> None:
    """An endless line is neither kept nor a reason to wait: the command runs to its end."""
    told = run("head -c 50000000 /dev/zero | tr '\\0' x; echo; echo end")
    assert told.splitlines()[-1] == "end"
    assert len(told) < 2 * command_output.MAX_LINE


FLOOD = "while :; do echo flood; done"


def test_a_flood_does_not_stop_the_clock() -> None:
    """While a command prints without end, its deadline and the look at the lock keep their times."""
    program = textwrap.dedent("""
        import os
        while True:
            os.write(1, b"y" * 60 + b"\\n" + b"y\\n" * 30000)
    """)
    ticks: list[float] = []
    begun = time.monotonic()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command_runner, "TICK_SECONDS", 0.5)
        with pytest.raises(command_runner.CommandError, match=r"it took more than 3 s\."):
            Runner(OPERATOR, structured_log.logger("test", [])).run(
                [sys.executable, "-c", program],
                "flood",
                seconds=3,
                tick=lambda: ticks.append(time.monotonic() - begun),
            )
    assert ticks
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize("left", ["sleep 1000", FLOOD])
def test_what_a_command_leaves_running_is_not_waited_for(tmp_path: Path, left: str) -> None:
    """A daemon that keeps the pipe, silent or loud, doesn't keep the command from having ended."""
    ended = tmp_path / "ended"
    script = f"echo told; ({left}) & echo $! >{tmp_path}/pid; touch {ended}"
    try:
        told = run(script)
        assert ended.exists()
        assert "told" in told or left == FLOOD, "what was there when it ended is taken"
    finally:
        run(f"kill -9 $(cat {tmp_path}/pid)")


def test_masking_takes_time_in_proportion() -> None:
    """Text that is made to be masked slowly, four times as long, takes about four times as long, not sixteen."""

    def seconds(text: str) -> float:
        def once() -> float:
            begun = time.process_time()
            mask(text, [])
            return time.process_time() - begun

        return min(once() for _ in range(3))

    for piece in ("password=a\n", "pwd password ", "pwd='", "password   ", "pwd='a''", "x" * 10):
        assert seconds(piece * 40_000) < 10 * seconds(piece * 10_000) + 0.05, piece


@pytest.mark.parametrize(
    ("text", "masked", "found"),
    [
        ("Server=x;Password=abc;User=y", f"Server=x;Password={MASK};User=y", ["abc"]),
        ("PASSWORD = 'a;b''c' ;X=1", f"PASSWORD ={MASK};X=1", ["a;b'c"]),
        ('pwd="a;b";x', f"pwd={MASK};x", ["a;b"]),
        ("pwd={a}}b;c};z", f"pwd={MASK};z", ["a}b;c"]),
        ("İİİpassword=secret;x", f"İİİpassword={MASK};x", ["secret"]),
        ("Password='not closed;x\ny", f"Password={MASK};x\ny", ["'not closed"]),
        ("passwordpassword=ab\npwd=", f"passwordpassword={MASK}\npwd={MASK}", ["ab", ""]),
        ("password: a, pwd", "password: a, pwd", []),
    ],
)
def test_a_password_is_masked_by_its_name(text: str, masked: str, found: list[str]) -> None:
    """What follows `password=` is masked to its end, quotes and all that they hold included; and can be found."""
    assert mask(text, []) == masked
    assert passwords(text) == found
