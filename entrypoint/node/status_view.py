"""The screen of `octo-node status`, from the facts: what to look at first stands first."""

from collections.abc import Callable, Iterator

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from entrypoint.base import oom
from entrypoint.base.phases import Phase
from entrypoint.node.facts import words
from entrypoint.node.facts.schema import ClusterNode, Dockerd, Facts, Ping, Server, Task
from entrypoint.settings.base_settings import EXTERNAL


BAR = 30  # columns of the longest bar
_GOOD, _BAD, _WAITING, _FAINT = "green", "red", "yellow", "dim"
_PROC = "/proc"
_KIBI = 1024
_PIPE_WIDTH = 10_000  # columns: who reads a pipe wants whole lines
Row = tuple[str, RenderableType]


def show(make: Callable[[Console], RenderableType]) -> None:
    """Print what `make` makes for a console: for a terminal as wide as that is, else with whole lines."""
    console = Console(highlight=False)
    if console.is_terminal:
        console.print(make(console))
        return
    plain_console = Console(highlight=False, width=_PIPE_WIDTH)
    with plain_console.capture() as capture:
        plain_console.print(make(plain_console))
    print("\n".join(line.rstrip() for line in capture.get().splitlines()))


def screen(facts: Facts, console: Console) -> RenderableType:
    """Return everything, for a `console`: its width, its colours and its characters."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style=_FAINT, no_wrap=True)
    grid.add_column(overflow="fold")
    for label, content in _rows(facts, console):
        grid.add_row(label, content)
    return Group(Text(plain(facts["summary"]), style=f"bold {_colour(facts)}"), grid)


def plain(text: str) -> str:
    """Return `text` on one line, with nothing in it that a terminal would obey."""
    return "".join(character if character.isprintable() else " " for character in text)


def _colour(facts: Facts) -> str:
    node, ping = facts["node"], facts["ping"]
    if not facts["live"]:
        return _GOOD if node["code"] == 0 else _BAD
    if node["phase"] == Phase.FAILED or (node["phase"] == Phase.UP and ping is not None and ping["status"] == 0):
        return _BAD
    is_up = node["phase"] == Phase.UP and not facts["drain"]["in_force"]
    return _GOOD if is_up and ping is not None and 200 <= ping["status"] <= 299 else _WAITING


def _rows(facts: Facts, console: Console) -> Iterator[Row]:
    if (why := _why(facts)) is not None:
        yield "why", why
    if facts["live"]:
        yield from _of_the_server(facts)
    yield "SQL Server", _sql(facts)
    if facts["live"]:
        yield from _of_the_container(facts)
    yield "versions", Text(_versions(facts))
    if facts["boot"]["steps"]:
        yield "boot", _boot(facts, console)
    for sentence in facts["warnings"]:
        yield "warning", Text(plain(sentence), style=_WAITING)
    if facts["last_end"] is not None:
        yield "last end", Text(_last_end(facts))
    if facts["nodes"]:
        yield "nodes", nodes_table(facts["nodes"])
    told = {"tasks", "settings", "SQL Server"} if facts["live"] or facts["node"]["reason"] else {"SQL Server"}
    if unknown := [f"{name}: {plain(why)}" for name, why in facts["unknown"].items() if name not in told]:
        yield "unknown", Text("; ".join(unknown), style=_WAITING)


def _why(facts: Facts) -> RenderableType | None:
    """Return the whole reason of an end, which is more than fits into the first line."""
    lines = [plain(line) for line in facts["node"]["reason"].splitlines()]
    is_over = not facts["live"] or facts["node"]["phase"] in {Phase.FAILED, Phase.HELD}
    is_told = len(lines) == 1 and facts["summary"].endswith(lines[0].removesuffix("."))
    return Text("\n".join(lines)) if lines and is_over and not is_told else None


def _of_the_server(facts: Facts) -> Iterator[Row]:
    server, drain = facts["server"], facts["drain"]
    yield "tasks", _tasks(facts)
    if drain["wanted"] and drain["in_force"] is False:
        yield "drain", Text(f"was asked for at {words.clock(drain['since'])}, and isn't in force", style=_WAITING)
    elif drain["in_force"]:
        yield "drain", Text(_drain(facts))
    if (ping := facts["ping"]) is not None:
        yield "answers", _answers(ping)
    if server is not None:
        yield "server", Text(_server(server))
    elif facts["node"]["phase"] in {Phase.UP, Phase.STARTING} and _PROC not in facts["unknown"]:
        yield "server", Text("Octopus.Server doesn't run", style=_BAD)


def _answers(ping: Ping) -> Text:
    if not ping["status"]:
        return Text(plain(ping["words"]), style=_BAD)
    is_fine = ping["status"] == 418 or 200 <= ping["status"] <= 299
    word = " (draining)" if ping["status"] == 418 else "" if is_fine else ", which isn't as it should be"
    return Text(f"{ping['status']}{word}, in {milliseconds(ping['seconds'])}", style="" if is_fine else _BAD)


def _tasks(facts: Facts) -> RenderableType:
    tasks, queued = facts["tasks"], facts["queued"]
    waiting = "" if queued is None else f"{queued} queued on all nodes"
    if facts["server"] is None and not tasks and _PROC not in facts["unknown"]:
        return Text(f"none: Octopus.Server doesn't run{f'; {waiting}' if waiting else ''}")
    if tasks is None:
        return Text(plain(f"which run can't be told: {facts['unknown'].get('tasks', '')}"), style=_WAITING)
    if not tasks:
        return Text(f"none runs{f', {waiting}' if waiting else ''}")
    table = tasks_table(tasks)
    if waiting:
        table.add_row(Text(waiting))
    return table


def tasks_table(tasks: list[Task]) -> Table:
    """Return the tasks, a line each: which, for how long, what it does."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, justify="right")
    table.add_column(overflow="ellipsis", no_wrap=True)
    for task in tasks:
        age = "" if task["seconds"] is None else words.duration(task["seconds"])
        state = " (is being cancelled)" if task["state"] == "Cancelling" else ""
        table.add_row(Text(plain(task["id"])), age, Text(plain(task["description"]) + state))
    return table


def _drain(facts: Facts) -> str:
    since = f"since {words.clock(facts['drain']['since'])}: " if facts["drain"]["since"] else ""
    how = "" if facts["drain"]["wanted"] else ", though not by octo-node: in the portal, or before this start"
    return f"{since}it takes no new tasks{how}. `octo-node undrain` has it take tasks again"


def _server(server: Server) -> str:
    suspended = ", suspended by a signal: CONT has it go on" if server["is_suspended"] else ""
    return (
        f"process {server['pid']} for {words.duration(server['seconds'])}, {server['cpu_percent']:.0f} % CPU, "
        f"{size(server['memory_bytes'])}, {_count(server['processes'], 'process')} below it{suspended}"
    )


def _sql(facts: Facts) -> Text:
    sql = facts["sql"]
    where = f"{sql['address']}, {sql['database']}" if sql["address"] else ""
    if sql["answers"] and sql["answer_seconds"] is not None and sql["login_seconds"] is not None:
        answer, login = milliseconds(sql["answer_seconds"]), milliseconds(sql["login_seconds"])
        return Text(plain(f"{where}: answers in {answer}, a login in {login}"))
    return Text(plain(f"{where}: {sql['trouble']}" if where else sql["trouble"]), style=_BAD)


def _of_the_container(facts: Facts) -> Iterator[Row]:
    container = facts["container"]
    if (dockerd := facts["dockerd"]) is not None:
        name = "engine" if dockerd["way"] == EXTERNAL else "dockerd"
        yield name, Text(_dockerd(dockerd, name), style="" if dockerd["state"] == "ready" else _WAITING)
    if (used := container["memory_bytes"]) is not None:
        limit, peak = container["memory_limit_bytes"], container["memory_peak_bytes"]
        of = f" of {size(limit)} ({100 * used / limit:.0f} %)" if limit else ", no limit"
        yield "memory", Text(f"{size(used)}{of}{f', at most {size(peak)}' if peak is not None else ''}")
    if container["oom_kills"]:
        yield "memory", Text(oom.sentence(container["oom_kills"]), style=_BAD)
    if reaped := facts["node"]["reaped"]:
        yield "reaped", Text(_count(reaped, "orphan"))


def _dockerd(dockerd: Dockerd, name: str) -> str:
    where = f" at {dockerd['host']}" if name != "dockerd" else ""
    parts = [plain(f"{name}{where} is {dockerd['state']}: ")]
    parts += [f"process {dockerd['pid']}, "] if dockerd["pid"] is not None else []
    parts.append(f"{'restarts' if name == 'dockerd' else 'lost'}: {dockerd['restarts']}")
    parts += [f", {_count(dockerd['containers'], 'container')}"] if dockerd["containers"] is not None else []
    parts += [f", {size(dockerd['memory_bytes'])}"] if dockerd["memory_bytes"] is not None else []
    parts += [plain(f"; {dockerd['problem']}")] if dockerd["problem"] else []
    return "".join(parts)


def _versions(facts: Facts) -> str:
    versions = facts["versions"]
    named = {"server": "Octopus.Server", "schema": "schema", "sql_server": "SQL Server"}
    told = [f"{name} {version}" for key, name in named.items() if (version := versions.get(key))]
    return plain(", ".join([f"octo-node {versions['octo_node']}", *told]))


def _boot(facts: Facts, console: Console) -> RenderableType:
    boot = facts["boot"]
    full = "█" if console.encoding.lower().startswith("utf") else "#"
    longest = max(step["seconds"] for step in boot["steps"])
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, justify="right")
    table.add_column(no_wrap=True)
    for step in boot["steps"]:
        filled = round(BAR * step["seconds"] / longest) if longest else 0
        table.add_row(step["name"], f"{step['seconds']:.1f} s", full * filled)
    whole = boot["seconds"] or 0.0
    so_far = f"{whole:.1f} s until now" if facts["live"] else f"ended after {whole:.1f} s"
    if facts["node"]["phase"] == Phase.HELD:
        so_far = f"held after {whole:.1f} s"
    line = f"up after {whole:.1f} s" if boot["is_over"] else so_far
    return Group(Text(plain(line)), table)


def _last_end(facts: Facts) -> str:
    end = facts["last_end"]
    if end is None:
        return ""
    when = f"at {words.clock(end['time'])}, " if end["time"] else ""
    reason = f": {plain(words.first_sentence(end['reason']))}" if end["reason"] else ""
    if end["code"] is None:
        return f"{when}killed in phase {end['phase']}, without a word{reason}"
    return f"{when}exit code {end['code']}{reason}"


def nodes_table(nodes: list[ClusterNode]) -> Table:
    """Return the cluster's nodes, a line each; this one has a star."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style=_FAINT)
    for name in ("", "node", "version", "state", "last seen", "tasks"):
        table.add_column(name, no_wrap=name not in {"node", "state"}, overflow="fold")
    for node in nodes:
        table.add_row(
            "*" if node["is_this"] else "",
            Text(plain(node["name"])),
            Text(plain(node["version"] or "unknown")),
            _state(node),
            "never" if node["seen_seconds"] is None else f"{words.duration(node['seen_seconds'])} ago",
            _load(node),
        )
    return table


def _state(node: ClusterNode) -> Text:
    draining = "draining" if node["is_draining"] else ""
    if node["is_alive"]:
        return Text(draining or "alive", style=_WAITING if draining else _GOOD)
    state = "offline" if node["is_offline"] else "unknown" if node["is_alive"] is None else "no sign of life"
    return Text(f"{state}, {draining}" if draining else state, style=_FAINT if node["is_offline"] else _WAITING)


def _load(node: ClusterNode) -> str:
    if node["tasks"] is None:
        return "unknown"
    return f"{node['tasks']} of {node['cap']}" if node["cap"] is not None else str(node["tasks"])


def _count(number: int, what: str) -> str:
    plural = "es" if what.endswith("s") else "s"
    return f"{number} {what}" if number == 1 else f"{number} {what}{plural}"


def milliseconds(seconds: float) -> str:
    """Return a short time as people say it."""
    return f"{seconds:.1f} s" if seconds >= 1 else f"{max(round(seconds * 1000), 1)} ms"


def size(number: int) -> str:
    """Return a number of bytes as people say it."""
    value, units = float(number), ("bytes", "KiB", "MiB", "GiB", "TiB")
    for unit in units[:-1]:
        if value < _KIBI:
            return f"{value:.0f} {unit}" if unit in units[:3] else f"{value:.1f} {unit}"
        value /= _KIBI
    return f"{value:.1f} {units[-1]}"
