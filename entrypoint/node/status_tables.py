"""Tables of `octo-node status` and `octo-node nodes`: tasks, nodes, and the boot as bars."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from entrypoint.node.facts import words
from entrypoint.node.facts.schema import ClusterNode, Step, Task


MOST_TASKS = 8  # that are shown, those that have run longest
_BAR = 30  # columns of the longest bar
_SHORTEST_STEP = 0.05  # seconds: a shorter one would be shown as 0.0
_GOOD, _WAITING, _FAINT = "green", "yellow", "dim"


def plain(text: str) -> str:
    """Return `text` on one line, with nothing in it that a terminal would obey."""
    return "".join(character if character.isprintable() else " " for character in text)


def tasks_table(tasks: list[Task]) -> Table:
    """Return the tasks, a line each, the oldest first: which, for how long, what it does."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, justify="right")
    table.add_column(overflow="ellipsis", no_wrap=True)
    for task in sorted(tasks, key=lambda task: -(task["seconds"] or 0.0))[:MOST_TASKS]:
        age = "" if task["seconds"] is None else words.duration(task["seconds"])
        state = " (is being cancelled)" if task["state"] == "Cancelling" else ""
        table.add_row(Text(plain(task["id"])), age, Text(plain(task["description"]) + state))
    return table


def bars(steps: list[Step], console: Console) -> Table:
    """Return the steps of a boot that took any time, each with a bar that is as long as it took."""
    full = "█" if console.encoding.lower().startswith("utf") else "#"
    shown = [step for step in steps if step["seconds"] >= _SHORTEST_STEP]
    longest = max((step["seconds"] for step in shown), default=0.0)
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, justify="right")
    table.add_column(no_wrap=True)
    for step in shown:
        table.add_row(step["name"], f"{step['seconds']:.1f} s", full * round(_BAR * step["seconds"] / longest))
    return table


def nodes_table(nodes: list[ClusterNode]) -> Table:
    """Return the cluster's nodes, a line each; this one has a star."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style=_FAINT)
    for name in ("", "node", "version", "state", "last seen", "tasks"):
        table.add_column(name, no_wrap=name not in {"node", "state"}, overflow="fold")
    for node in nodes:
        table.add_row(
            "*" if node["is_this"] else " ",
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
