"""What is told of a node: bounded in time, true for each form of the sources, in words for people."""

import datetime
import itertools
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import jsonschema
import pytest
import readings
import status_schema
from rich.console import Console

from entrypoint.base import forked, redact
from entrypoint.node import status_view
from entrypoint.node.drain_messages import Tally
from entrypoint.node.facts import container, words
from entrypoint.node.facts.assembly import Assembly
from entrypoint.node.facts.schema import Container, Facts, Sql
from entrypoint.node.server_command import Mask
from entrypoint.octopus.running_task import Task


# --- bounded in time


def pieces(subject: str) -> Iterator[bytes]:
    """Give two pieces, and hang between them where the subject says so."""
    yield b"first "
    if subject == "hangs":
        time.sleep(1000)
    if subject == "fails":
        os._exit(1)
    yield b"second"


def test_what_hangs_is_ended_and_what_it_said_is_kept() -> None:
    """At the deadline a source that hangs is ended; what it told until then counts, and the others are whole."""
    collector = forked.Collector()
    for _ in range(2):
        found = collector.collect(pieces, ["hangs", "fails", "tells"], 0.5)
        assert found == {"hangs": (b"first ", False), "fails": (b"first ", False), "tells": (b"first second", True)}
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_who_is_left_behind_holds_nothing_open() -> None:
    """A source has none of our descriptors but its own pipe: one that hangs can't keep a port."""
    ends = os.pipe()
    found = forked.run(lambda _: repr([os.path.exists(f"/proc/self/fd/{end}") for end in ends]).encode(), ["it"], 5.0)
    for end in ends:
        os.close(end)
    assert found == {"it": b"[False, False]"}


# --- the control group


def cgroup(folder: Path, files: dict[str, str]) -> Container:
    """Return what is told of a control group with these files."""
    for name, text in files.items():
        path = folder / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return container.look(readings.paths(OCTO_NODE_ROOT=str(folder)), {})


def test_cgroup_2(tmp_path: Path) -> None:
    """Memory with limit and peak, and the processor with its limit, as cgroup v2 has them."""
    found = cgroup(
        tmp_path,
        {
            "memory.current": "1048576\n",
            "memory.max": "4194304\n",
            "memory.peak": "2097152\n",
            "cpu.max": "150000 100000\n",
            "cpu.stat": "usage_usec 2500000\nuser_usec 1\n",
            # where this machine itself has v1, it is looked there
            **{f"{name}/x": "" for name in ("memory", "cpu", "cpuacct")},
            "memory/memory.usage_in_bytes": "1048576\n",
            "memory/memory.limit_in_bytes": "4194304\n",
            "memory/memory.max_usage_in_bytes": "2097152\n",
            "cpu/cpu.cfs_quota_us": "150000\n",
            "cpu/cpu.cfs_period_us": "100000\n",
            "cpuacct/cpuacct.usage": "2500000000\n",
        },
    )
    assert found == {
        "memory_bytes": 1 << 20,
        "memory_limit_bytes": 1 << 22,
        "memory_peak_bytes": 1 << 21,
        "oom_kills": 0,
        "cpu_limit": 1.5,
        "cpu_seconds": 2.5,
    }


def test_no_limit(tmp_path: Path) -> None:
    """`max`, a number beyond all memory, and -1 are no limit; a file that isn't there is unknown."""
    files = {"memory.max": "max", "cpu.max": "max 100000", "cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "1"}
    found = cgroup(tmp_path, files | {"memory/memory.limit_in_bytes": str(0x7FFFFFFFFFFFF000)})
    assert (found["memory_limit_bytes"], found["cpu_limit"], found["memory_bytes"]) == (None, None, None)


# --- words


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0 s"), (42, "42 s"), (60, "1 min"), (500, "8 min 20 s"), (11_100, "3 h 5 min"), (187_200, "2 d 4 h")],
)
def test_durations(seconds: float, said: str) -> None:
    """A duration has two parts at most."""
    assert words.duration(seconds) == said


def facts(**told: object) -> Facts:
    """Return the facts of a node of which this was told."""
    node = {"name": "octopus-0", "phase": "up", "since": "2026-11-01T00:00:00Z", "seconds": 1.0, "wanted": "up"}
    node |= {"doing": "", "doing_seconds": None, "pid": 1, "code": None, "reason": "", "reaped": 0}
    server = {"pid": 2, "seconds": 1.0, "is_suspended": False, "cpu_seconds": 1.0, "cpu_percent": 1.0}
    server |= {"memory_bytes": 1, "processes": 0}
    whole = {"live": True, "node": node, "server": server, "ping": ping(200)} | told
    whole["node"] = node | cast("dict[str, object]", told.get("node", {}))
    return Assembly(readings.configuration({"OCTOPUS_SERVER_NODE_NAME": "octopus-0"})).facts(whole, {}, 0.1)


def ping(status: int) -> dict[str, object]:
    """Return an answer of the ping address."""
    return {"status": status, "words": f"the ping address answered {status}", "seconds": 0.1}


def drain(**told: object) -> dict[str, object]:
    """Return a drain that was asked for."""
    return {"wanted": True, "since": "2026-11-01T14:02:00Z", "in_force": None} | told


TASK = {"id": "ServerTasks-1", "description": "Deploy", "state": "Executing", "seconds": 1.0}
SINCE = r" since 2026-1[01]-\d\d \d\d:\d\d"


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({}, f"octopus-0 is up{SINCE}"),
        ({"ping": ping(500)}, f"octopus-0 is up{SINCE}, but Octopus.Server answers with 500"),
        ({"ping": ping(0)}, f"octopus-0 is up{SINCE}, but Octopus.Server doesn't answer"),
        (
            {"ping": ping(418), "drain": drain(), "tasks_by_api": [TASK] * 2},
            f"octopus-0 is draining{SINCE}, 2 tasks left",
        ),
        ({"ping": ping(418), "drain": drain(), "tasks_by_sql": [TASK]}, f"octopus-0 is draining{SINCE}, 1 task left"),
        ({"ping": ping(418), "drain": drain(), "tasks_by_api": []}, f"octopus-0 is drained{SINCE}"),
        ({"ping": ping(418), "drain": drain()}, f"octopus-0 is draining{SINCE}, how many tasks are left can't be told"),
        (
            {
                "node": {
                    "phase": "preparing",
                    "doing": "waiting for SQL Server db,1433 (refused)",
                    "doing_seconds": 42.0,
                }
            },
            r"octopus-0 is waiting for SQL Server db,1433 \(refused\) for 42 s",
        ),
        ({"node": {"phase": "preparing"}}, f"octopus-0 is being prepared{SINCE}"),
        ({"node": {"phase": "held"}}, f"octopus-0 is held{SINCE}: configured, but Octopus.Server isn't started"),
        (
            {"node": {"phase": "held", "reason": "The key is wrong. Set it."}},
            f"octopus-0 is held{SINCE}: not configured, and Octopus.Server isn't started",
        ),
        (
            {"node": {"phase": "stopping", "doing": "dockerd"}, "tasks_by_api": []},
            rf"octopus-0 is stopping \(dockerd\){SINCE}",
        ),
        (
            {"live": False, "node": {"phase": "failed", "code": 11, "reason": "TASK_CAP is no number. Correct it."}},
            "octopus-0 failed with exit code 11: TASK_CAP is no number",
        ),
        ({"live": False, "node": {"phase": "stopped", "code": 0}}, "octopus-0 ended at 2026-.* with exit code 0"),
        ({"live": False}, "octopus-0 was killed while it was up: process 1 had no time to say why"),
        ({"live": False, "node": {"phase": None}, "process_1": "bash"}, "no node runs here: process 1 is bash, not .*"),
    ],
)
def test_the_first_line(told: dict[str, object], said: str) -> None:
    """The first line says who it is and where it is, as people say it; and the document keeps to its schema."""
    found = facts(**told)
    assert re.fullmatch(said, found["summary"]), found["summary"]
    jsonschema.validate(found, status_schema.document())
    for width in (80, 200):
        console = Console(width=width, highlight=False)
        with console.capture() as capture:
            console.print(status_view.screen(found, console))
        assert max(map(len, capture.get().splitlines())) <= width


def shown(found: Facts, width: int = 80) -> str:
    """Return the screen of `status`."""
    console = Console(width=width, highlight=False)
    with console.capture() as capture:
        console.print(status_view.screen(found, console))
    return capture.get()


STEPS = [{"name": name, "seconds": seconds} for name, seconds in (("preflight", 0.2), ("guard", 0.0), ("server", 2.0))]
CLUSTER = [
    {"id": f"N-{number}", "name": f"octopus-{number}", "is_this": number == 0, "version": "2026.2.197"}
    | {
        "seen_seconds": 3,
        "is_alive": number != 20,
        "is_offline": False,
        "is_draining": number == 0,
        "cap": 5,
        "tasks": 0,
    }
    for number in range(32)
]
SQL = Sql(
    address="db,1433", database="Octo", answers=True, login_seconds=0.03, answer_seconds=0.001, trouble=""
)  # fmt: skip
EVERYTHING: dict[str, object] = {
    "node": {"reaped": 12},
    "boot": {"began": None, "seconds": 2.2, "is_over": True, "steps": STEPS},
    "drain": drain(),
    "ping": ping(418),
    "tasks_by_api": [TASK | {"id": f"ServerTasks-{number}", "seconds": float(number)} for number in range(30)],
    "queued": 7,
    "dockerd": {"state": "ready", "restarts": 1, "pid": 50, "cpu_seconds": None, "memory_bytes": None}
    | {"way": "privileged", "problem": None, "host": None},
    "dockerd_usage": (5.5, 90 << 20),
    "containers": 2,
    "container": {"memory_bytes": 3 << 29, "memory_limit_bytes": 4 << 30, "memory_peak_bytes": 2 << 30}
    | {"oom_kills": 0, "cpu_limit": 2.0, "cpu_seconds": 321.0},
    "versions": {"octo_node": "0.1.0", "server": "2026.2.197"},
    "schema_version": "2026.2.197",
    "sql_version": "16.0.4135.4",
    "nodes": CLUSTER,
    "warnings": ["The licence ends in 12 days."],
    "last_end": {"time": None, "phase": "failed", "code": 12, "reason": "SQL Server was lost."},
}


def test_the_screen_has_everything_and_is_short() -> None:
    """Each thing that is told of a node is on the screen, and long lists are cut: the oldest tasks, unusual nodes."""
    now = datetime.datetime.now(datetime.UTC).isoformat()
    found = facts(**EVERYTHING | {"drain": drain(since=now)})
    found["sql"] = SQL
    screen = shown(found)
    for text in (
        "octopus-0 is draining since",
        "ServerTasks-29  29 s  Deploy",
        "and 22 more: `octo-node status --json` has all",
        "7 queued on all nodes",
        "no new tasks are taken; `octo-node undrain` ends that",
        "db,1433, Octo: answers in 1 ms, a login in 30 ms",
        "dockerd is ready: process 50, restarts: 1, 2 containers, 90 MiB",
        "1.5 GiB of 4.0 GiB (38 %), at most 2.0 GiB",
        "5 min 21 s used, of 2 processors at most",
        "wanted up, in phase up for 1 s; 12 orphans reaped",
        "octo-node 0.1.0, server + schema 2026.2.197, SQL Server 16.0.4135.4",
        "server     2.0 s  ███",
        "The licence ends in 12 days.",
        "exit code 12: SQL Server was lost",
        "octopus-20  2026.2.197  no sign of life  3 s ago    0 of 5",
        "and 24 more: `octo-node nodes` has all",
    ):
        assert text in screen, screen
    assert "guard" not in screen, "it took no time"
    assert len(screen.splitlines()) <= 40


def test_a_run_folder_that_hangs_is_not_the_absence_of_a_node() -> None:
    """Where the run folder gives no answer, status doesn't say that no node runs."""
    configuration = readings.configuration({"OCTOPUS_SERVER_NODE_NAME": "octopus-0"})
    found = Assembly(configuration).facts({}, {"the run folder": "no answer within 1 s"}, 1.0)
    assert found["summary"] == "where octopus-0 is can't be told: the run folder gives no answer within 1 s"


def test_nodes_that_there_was_no_time_for_are_not_left_out_silently() -> None:
    """Where SQL Server answers too slowly for all that is asked, the screen says that the nodes can't be told."""
    found = facts()
    found["sql"], found["unknown"] = SQL, {"SQL Server": "no answer within 0.5 s"}
    assert "nodes       can't be told: no answer within 0.5 s" in shown(found)


def test_a_drain_that_cannot_be_told_is_told_as_that() -> None:
    """While the server doesn't answer, a drain that was asked for isn't forgotten; nor is its reason a long number."""
    screen = shown(facts(drain=drain(), ping=ping(0) | {"words": "http://x doesn't answer: no answer within 0.5 s"}))
    assert "; whether it is in force can't be told" in screen
    assert "none: no answer within 0.5 s" in screen


def test_a_long_reason_is_cut_in_its_middle() -> None:
    """Why a node ended fits on a screen, though the end of the server's log is a part of it."""
    reason = "\n".join(["It ended. See below:", *(f"line {number}" for number in range(50))])
    screen = shown(facts(live=False, node={"phase": "stopped", "code": 7, "reason": reason}))
    assert "[44 more lines: `octo-node status --json` has all]" in screen
    assert "line 0" in screen
    assert "line 44" not in screen
    assert "line 45" in screen


def test_a_terminal_obeys_nothing_that_it_is_told() -> None:
    """What others wrote, such as a task's description, is shown without what a terminal would obey, markup neither."""
    evil = {**TASK, "description": "\x1b]0;title\x07[red]x\x9b31m\r\n"}
    console = Console(width=80, highlight=False)
    with console.capture() as capture:
        console.print(status_view.screen(facts(tasks_by_api=[evil]), console))
    shown = capture.get()
    assert "[red]x" in shown
    assert all(character.isprintable() or character == "\n" for character in shown)


def test_secrets_are_masked_everywhere() -> None:
    """A secret in a task's description, or in a reason, is masked in the facts, so wherever they are shown."""
    given = {"ADMIN_PASSWORD": "Secret-of-the-test"}
    told = {"tasks_by_api": [{**TASK, "description": "x Secret-of-the-test y"}], "live": True}
    found = Assembly(readings.configuration(given)).facts(told, {"x": "Secret-of-the-test"}, 0.1)
    assert "Secret-of-the-test" not in repr(found)


# --- the sum of a drain


def task(number: int) -> Task:
    """Return a task."""
    return Task(f"ServerTasks-{number}", "Deploy", "Executing", 1.0)


def test_a_drain_is_summed_up() -> None:
    """The closing line says how long it was waited for how many tasks, and what didn't end by itself."""
    now = [0.0]
    tally = Tally(lambda: now[0])
    assert tally.sentence() == "None had to be waited for."
    tally.see(None)
    assert tally.sentence() == "Whether any had to be waited for is unknown."
    tally.see([task(1), task(2)])
    now[0] = 200.0
    tally.see([task(2), task(3)])
    tally.see(None)
    assert tally.sentence() == "Waited 3 min 20 s for 3 tasks, of which 2 ran when seen last."
    tally.cancel([task(2), task(3)])
    tally.see([task(3)])
    assert tally.sentence() == "Waited 3 min 20 s for 3 tasks, of which 1 was cancelled and 1 still runs."
    tally.see([])
    assert tally.sentence() == "Waited 3 min 20 s for 3 tasks, of which 2 were cancelled."


# --- secrets in a stream


SECRETS = ["Secret-ü-one", "Secret-two"]
PRINTED = "a Secret-ü-one b\nSecret-two\nSecre\npassword = pwd1;x\nPassword: Secret-tw"


def test_secrets_in_a_stream() -> None:
    """Whatever pieces the output comes in, a secret isn't shown, and everything else is."""
    whole = PRINTED.encode()
    wanted = redact.mask(PRINTED, SECRETS).encode()
    for first, second in itertools.combinations(range(len(whole) + 1), 2):
        mask = Mask(SECRETS)
        parts = [mask.take(part) for part in (whole[:first], whole[first:second], whole[second:])]
        assert b"".join([*parts, mask.rest()]) == wanted


def test_a_secret_whose_end_may_begin_another_one() -> None:
    """A whole secret at the end of what came isn't cut in two because its last letters may begin a word to mask."""
    mask = Mask(["hunter2-pass", "assassin"])
    assert b"hunter2-p" not in b"".join([mask.take(b"it is hunter2-pass"), mask.take(b"\n"), mask.rest()])


def test_a_prompt_is_shown_at_once() -> None:
    """A prompt without a newline isn't kept back, nor is one for a password."""
    assert Mask(SECRETS).take(b"Enter the password: ") == b"Enter the password: "
    assert Mask(SECRETS).take(b"Continue? [y/N] ") == b"Continue? [y/N] "
