"""The screen of `octo-node status`, from the facts: what to look at first stands first."""

from collections.abc import Callable, Iterator

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from entrypoint.base import oom
from entrypoint.base.phases import Phase
from entrypoint.node.facts import words
from entrypoint.node.facts.schema import ClusterNode, Dockerd, Facts, Node, Ping, Server
from entrypoint.settings.base_settings import EXTERNAL

from .status_tables import MOST_TASKS, bars, nodes_table, plain, tasks_table


MOST_NODES = 8  # that are shown; `octo-node nodes` shows all
_GOOD, _BAD, _WAITING, _FAINT = "green", "red", "yellow", "dim"
_MOST_REASON = 8  # lines of a reason that are shown: the first ones, and the last
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
        yield "nodes", _nodes(facts["nodes"])
    elif facts["nodes"] is None and facts["sql"]["answers"] and (why := facts["unknown"].get("SQL Server")):
        yield "nodes", Text(plain(f"can't be told: {why}"), style=_WAITING)
    told = {"tasks", "settings", "SQL Server"} if facts["live"] or facts["node"]["reason"] else {"SQL Server"}
    if unknown := [f"{name}: {plain(why)}" for name, why in facts["unknown"].items() if name not in told]:
        yield "unknown", Text("; ".join(unknown), style=_WAITING)


def _why(facts: Facts) -> RenderableType | None:
    """Return the whole reason of an end, which is more than fits into the first line."""
    lines = [plain(line) for line in facts["node"]["reason"].splitlines()]
    is_over = not facts["live"] or facts["node"]["phase"] in {Phase.FAILED, Phase.HELD}
    is_told = len(lines) == 1 and facts["summary"].endswith(lines[0].removesuffix("."))
    if len(lines) > _MOST_REASON:  # with the end of the server's log
        left = len(lines) - _MOST_REASON + 1
        lines = [*lines[:2], f"[{left} more lines: `octo-node status --json` has all]", *lines[left + 2 :]]
    return Text("\n".join(lines)) if lines and is_over and not is_told else None


def _of_the_server(facts: Facts) -> Iterator[Row]:
    server = facts["server"]
    yield "tasks", _tasks(facts)
    if (drain := _drain(facts)) is not None:
        yield "drain", drain
    if (ping := facts["ping"]) is not None:
        yield "answers", _answers(ping, facts["node"]["phase"])
    if server is not None:
        yield "server", Text(_server(server))
    elif facts["node"]["phase"] in {Phase.UP, Phase.STARTING} and _PROC not in facts["unknown"]:
        yield "server", Text("Octopus.Server doesn't run", style=_BAD)


def _answers(ping: Ping, phase: str | None) -> Text:
    if not ping["status"]:
        why = ping["words"].partition("doesn't answer: ")[2] or ping["words"]
        return Text(plain(f"none: {why}"), style=_WAITING if phase == Phase.STARTING else _BAD)
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
    left = len(tasks) - MOST_TASKS
    lines = ([f"and {left} more: `octo-node status --json` has all"] if left > 0 else []) + (
        [waiting] if waiting else []
    )
    return Group(tasks_table(tasks), *map(Text, lines))


def _drain(facts: Facts) -> Text | None:
    drain = facts["drain"]
    if drain["in_force"]:
        since = f"since {words.clock(drain['since'])}: " if drain["since"] else ""
        how = "" if drain["wanted"] else ", though not by octo-node: in the portal, or before this start"
        advice = "; `octo-node undrain` ends that" if facts["node"]["phase"] == Phase.UP else ""
        return Text(f"{since}no new tasks are taken{how}{advice}")
    if not drain["wanted"] or facts["server"] is None:
        return None
    is_not = "it isn't in force" if drain["in_force"] is False else "whether it is in force can't be told"
    return Text(f"asked for at {words.clock(drain['since'])}; {is_not}", style=_WAITING)


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
    is_early = facts["node"]["phase"] in {Phase.PREFLIGHT, Phase.PREPARING}
    return Text(plain(f"{where}: {sql['trouble']}" if where else sql["trouble"]), style=_WAITING if is_early else _BAD)


def _of_the_container(facts: Facts) -> Iterator[Row]:
    container = facts["container"]
    if (dockerd := facts["dockerd"]) is not None:
        name = "engine" if dockerd["way"] == EXTERNAL else "dockerd"
        yield name, Text(_dockerd(dockerd, name), style="" if dockerd["state"] == "ready" else _WAITING)
    if (used := container["memory_bytes"]) is not None:
        limit, peak = container["memory_limit_bytes"], container["memory_peak_bytes"]
        of = f" of {size(limit)} ({100 * used / limit:.0f} %)" if limit else ", no limit"
        yield "memory", Text(f"{size(used)}{of}{f', at most {size(peak)}' if peak is not None else ''}")
    else:
        yield "memory", Text("can't be told: no control group is to be seen here", style=_FAINT)
    if container["oom_kills"]:
        yield "memory", Text(oom.sentence(container["oom_kills"]), style=_BAD)
    if (spent := container["cpu_seconds"]) is not None:
        yield "CPU", Text(f"{words.duration(spent)} used, {_processors(container['cpu_limit'])}")
    yield "process 1", Text(_process_1(facts["node"]))


def _processors(limit: float | None) -> str:
    return "no limit" if limit is None else f"of {limit:g} processor{'' if limit == 1 else 's'} at most"


def _process_1(node: Node) -> str:
    lasts = "" if node["seconds"] is None else f" for {words.duration(node['seconds'])}"
    return f"wanted {node['wanted']}, in phase {node['phase']}{lasts}; {_count(node['reaped'] or 0, 'orphan')} reaped"


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
    told: list[tuple[str, str | None]] = [("octo-node", versions["octo_node"])]
    if versions["server"] == versions["schema"]:
        told.append(("server + schema", versions["server"]))
    else:
        told += [("server", versions["server"]), ("schema", versions["schema"])]
    told.append(("SQL Server", versions["sql_server"]))
    return plain(", ".join(f"{name} {version}" for name, version in told if version))


def _boot(facts: Facts, console: Console) -> RenderableType:
    boot = facts["boot"]
    whole = boot["seconds"] or 0.0
    so_far = f"{whole:.1f} s until now" if facts["live"] else f"ended after {whole:.1f} s"
    if facts["node"]["phase"] == Phase.HELD:
        so_far = f"held after {whole:.1f} s"
    line = f"up after {whole:.1f} s" if boot["is_over"] else so_far
    return Group(Text(plain(line)), bars(boot["steps"], console))


def _last_end(facts: Facts) -> str:
    end = facts["last_end"]
    if end is None:
        return ""
    when = f"at {words.clock(end['time'])}, " if end["time"] else ""
    reason = f": {plain(words.first_sentence(end['reason']))}" if end["reason"] else ""
    if end["code"] is None:
        return f"{when}killed in phase {end['phase']}, without a word{reason}"
    return f"{when}exit code {end['code']}{reason}"


def _nodes(nodes: list[ClusterNode]) -> RenderableType:
    shown = sorted(nodes, key=lambda node: (not node["is_this"], node["is_alive"] is True and not node["is_draining"]))
    left = len(nodes) - MOST_NODES
    if left <= 0:
        return nodes_table(nodes)
    return Group(nodes_table(shown[:MOST_NODES]), Text(f"and {left} more: `octo-node nodes` has all"))


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
