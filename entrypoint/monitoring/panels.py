"""The parts of the page: each a section with a heading, a list or a table."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .html import Element, tag
from .snapshot import Snapshot


STEPS = {
    "preflight": "Settings and folders",
    "sql": "SQL Server",
    "guard": "Other nodes",
    "commands": "Configure commands",
    "server": "Octopus Server",
}
_MARKS = {True: "yes", False: "no", None: "unknown"}
_WIDTH = 1000  # of a bar, in its own units


def all_of(snapshot: Snapshot) -> Iterator[Element]:
    """Yield the sections of the page."""
    if not snapshot.facts:
        yield tag("section", tag("p", _missing(snapshot)), class_="note")
    yield _warnings(snapshot) if snapshot.facts.get("warnings") else tag("div", hidden=True)
    yield _section(
        "Probes",
        _list([(kind.capitalize(), a.words.removeprefix(f"{kind}: ")) for kind, a in snapshot.answers.items()]),
    )
    if snapshot.facts:
        yield _section("Node", _list(_node(snapshot)))
        yield _section("Tasks", *_tasks(snapshot))
        yield _section("SQL Server", _list(_sql(snapshot)))
        yield _section("Octopus Server", _list(_server(snapshot)))
        if snapshot.part("dockerd"):
            yield _section("dockerd", _list(_dockerd(snapshot)))
        yield _section("Memory and CPU", *_memory(snapshot))
        yield _section("Start", *_boot(snapshot), wide=True)
        yield _section("Nodes", _nodes(snapshot), wide=True)
        if snapshot.part("unknown"):
            yield _section("What can't be told", _list(sorted(snapshot.part("unknown").items())), wide=True)


def _missing(snapshot: Snapshot) -> str:
    if snapshot.age is None:
        return "SQL Server and the server haven't been looked at yet."
    return f"Nothing was told of SQL Server and the server for {duration(snapshot.age)}: the node's log says why."


def _section(title: str, *content: Element | str, wide: bool = False) -> Element:
    return tag("section", tag("h2", title), *content, class_="wide" if wide else None)


def _list(pairs: Sequence[tuple[str, object]]) -> Element:
    """Return names and values; what isn't known is left out."""
    known = [(name, str(value)) for name, value in pairs if value not in (None, "")]
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in known))


def _table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[Element | str]]) -> Element:
    """Return a table whose first column names the rows."""
    head = tag("tr", *(tag("th", name, scope="col") for name in heads))
    body = [
        tag(
            "tr",
            tag("th", row[0], scope="row"),
            *(tag("td", cell, data_name=name) for name, cell in zip(heads[1:], row[1:], strict=True)),
        )
        for row in rows
    ]
    return tag("table", tag("caption", caption), tag("thead", head), tag("tbody", *body))


def _warnings(snapshot: Snapshot) -> Element:
    sentences = [str(sentence) for sentence in snapshot.facts.get("warnings") or ()]
    return _section("Warnings", tag("ul", *(tag("li", sentence) for sentence in sentences)), wide=True)


def _node(snapshot: Snapshot) -> list[tuple[str, object]]:
    node, drain, versions = (snapshot.part(name) for name in ("node", "drain", "versions"))
    is_of_now = node.get("phase") == snapshot.phase
    return [
        ("Phase", _for(snapshot.phase, snapshot.phase_seconds)),
        ("Doing", _for(node.get("doing"), node.get("doing_seconds")) if is_of_now else None),
        ("Wanted", node.get("wanted")),
        ("Drain", _drain(drain)),
        ("Reason", node.get("reason")),
        ("Octopus", versions.get("server")),
        ("Schema", versions.get("schema")),
        ("Orphans reaped", node.get("reaped")),
        ("Last end", _end(snapshot.part("last_end"))),
    ]


def _drain(drain: Mapping[str, Any]) -> str:
    force = {True: "in force", False: "not in force", None: "whether it is in force isn't known"}[drain.get("in_force")]
    if drain.get("wanted"):
        return f"asked for at {drain.get('since')}, {force}"
    return "in force, though nobody asked octo-node for it" if drain.get("in_force") else "none"


def _end(end: Mapping[str, Any]) -> str:
    return f"{end.get('phase')}, exit code {end.get('code')}: {end.get('reason')}" if end else ""


def _tasks(snapshot: Snapshot) -> Iterator[Element]:
    tasks, queued = snapshot.items("tasks"), snapshot.facts.get("queued")
    if tasks is None:
        yield tag("p", "Which tasks run can't be told now.")
    elif tasks:
        rows = [
            (str(task.get("id")), str(task.get("description")), str(task.get("state")), duration(task.get("seconds")))
            for task in tasks
        ]
        yield _table("Tasks that this node works on", ("Task", "Description", "State", "Runs for"), rows)
    else:
        yield tag("p", "No task runs on this node.")
    if queued is not None:
        yield tag("p", f"Queued, for any node: {queued}.")


def _sql(snapshot: Snapshot) -> list[tuple[str, object]]:
    sql = snapshot.part("sql")
    return [
        ("Answers", _MARKS[sql.get("answers")]),
        ("Address", sql.get("address")),
        ("Database", sql.get("database")),
        ("Login", _milliseconds(sql.get("login_seconds"))),
        ("Answer", _milliseconds(sql.get("answer_seconds"))),
        ("Version", snapshot.part("versions").get("sql_server")),
        ("Trouble", sql.get("trouble")),
    ]


def _server(snapshot: Snapshot) -> list[tuple[str, object]]:
    server, ping = snapshot.part("server"), snapshot.part("ping")
    if not server:
        return [("Runs", "no")]
    return [
        ("Runs", f"for {duration(server.get('seconds'))}, as process {server.get('pid')}"),
        ("Suspended", "yes, by a signal: CONT has it go on" if server.get("is_suspended") else None),
        ("Ping", ping.get("words")),
        ("Memory", size(server.get("memory_bytes"))),
        ("CPU", f"{server.get('cpu_percent')} %"),
        ("Processes below it", server.get("processes")),
    ]


def _dockerd(snapshot: Snapshot) -> list[tuple[str, object]]:
    dockerd = snapshot.part("dockerd")
    return [
        ("Way", dockerd.get("way")),
        ("State", dockerd.get("state")),
        ("Problem", dockerd.get("problem")),
        ("Restarts", dockerd.get("restarts")),
        ("Containers", dockerd.get("containers")),
        ("Memory", size(dockerd.get("memory_bytes"))),
    ]


def _memory(snapshot: Snapshot) -> Iterator[Element]:
    group = snapshot.part("container")
    used, limit = group.get("memory_bytes"), group.get("memory_limit_bytes")
    if used and limit:
        yield _bar(0.0, used / limit, "used")
    yield _list(
        [
            ("Used", size(used)),
            ("Limit", size(limit)),
            ("At most", size(group.get("memory_peak_bytes"))),
            ("Killed for want of memory", group.get("oom_kills")),
            ("CPU used", duration(group["cpu_seconds"]) if group.get("cpu_seconds") is not None else None),
            ("CPU limit", group.get("cpu_limit")),
        ]
    )


def _boot(snapshot: Snapshot) -> Iterator[Element]:
    boot = snapshot.part("boot")
    steps = [(str(step["name"]), float(step["seconds"])) for step in boot.get("steps", ())]
    whole = max(sum(seconds for _, seconds in steps), 0.001)
    rows, begun = [], 0.0
    for name, seconds in steps:
        rows.append((STEPS.get(name, name), f"{seconds:.1f} s", _bar(begun / whole, seconds / whole, "step")))
        begun += seconds
    took = duration(boot.get("seconds"))
    if boot.get("is_over"):
        yield tag("p", f"The node was up after {took}.")
    elif snapshot.is_live and snapshot.phase != "held":
        yield tag("p", f"The start has taken {took} so far.")
    else:
        yield tag("p", f"The start ended after {took}.")
    yield _table("The steps of the start, one after the other", ("Step", "Time", "Timeline"), rows)


def _nodes(snapshot: Snapshot) -> Element:
    nodes = snapshot.items("nodes")
    if nodes is None:
        return tag("p", "Which nodes there are can't be told now.")
    if not nodes:
        return tag("p", "The database knows no node yet.")
    rows = [
        (
            f"{node.get('name')}{' (this one)' if node.get('is_this') else ''}",
            _state(node),
            str(node.get("version") or "unknown"),
            f"{duration(node.get('seen_seconds'))} ago" if node.get("seen_seconds") is not None else "unknown",
            f"{_or(node.get('tasks'))} of {_or(node.get('cap'))}",
        )
        for node in nodes
    ]
    return _table("Nodes that the database knows", ("Name", "State", "Version", "Last sign of life", "Tasks"), rows)


def _state(node: Mapping[str, Any]) -> str:
    alive = {True: "alive", False: "offline" if node.get("is_offline") else "no sign of life", None: "unknown"}
    return f"{alive[node.get('is_alive')]}{', draining' if node.get('is_draining') else ''}"


def _bar(begin: float, share: float, kind: str) -> Element:
    """Return a bar from `begin` on, `share` of the whole long; the numbers beside it say the same."""
    left, width = min(max(begin, 0.0), 1.0) * _WIDTH, min(share, 1.0) * _WIDTH
    seen = max(width, 3) if width >= 1 else 0
    bar = tag("rect", x=f"{min(left, _WIDTH - seen):.0f}", y="0", width=f"{seen:.0f}", height="10")
    svg = tag("svg", bar, class_=f"bar {kind}", aria_hidden="true", focusable="false")
    svg.set("viewBox", f"0 0 {_WIDTH} 10")
    svg.set("preserveAspectRatio", "none")
    return svg


def _for(what: object, seconds: object) -> str:
    return f"{what}, for {duration(seconds)}" if what and seconds is not None else str(what or "")


def _or(value: object) -> str:
    return "?" if value is None else str(value)


def _milliseconds(seconds: object) -> str:
    return f"{1000 * seconds:.0f} ms" if isinstance(seconds, int | float) else ""


def duration(seconds: object) -> str:
    """Return a duration as people say it, such as `3 min 20 s`."""
    if not isinstance(seconds, int | float):
        return "an unknown time"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes_left = divmod(minutes, 60)
    days, hours_left = divmod(hours, 24)
    if days:
        return f"{days} d {hours_left} h"
    return f"{hours} h {minutes_left} min" if hours else f"{minutes} min {rest} s"


def size(count: object) -> str:
    """Return a number of bytes in MiB or GiB; nothing for none."""
    if not isinstance(count, int):
        return ""
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"
