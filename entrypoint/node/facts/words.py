"""A node in words that a person reads at three in the morning."""

import datetime
import time

from entrypoint.base.phases import Phase

from .schema import Facts


RUN_FOLDER = "the run folder"  # what it is called among the sources
_DAY = 86400.0


def summary(facts: Facts, process_1: str) -> str:
    """Return where the node is, in one line, such as `octopus-0 is draining since 14:02, 2 tasks left`.

    `process_1` is what process 1 is called.
    """
    node = facts["node"]
    name, phase = node["name"], node["phase"]
    if phase is None and RUN_FOLDER in facts["unknown"]:
        return f"where {name} is can't be told: {RUN_FOLDER} gives {facts['unknown'][RUN_FOLDER]}"
    if phase is None and process_1 == "octo-node":
        return f"no node runs here, or {RUN_FOLDER} is gone: process 1 is octo-node"  # `run`, or `init` with this verb
    if phase is None:
        return f"no node runs here: process 1 is {process_1 or 'unknown'}, not `octo-node run`"
    if not facts["live"]:
        return f"{name} {_ended(facts)}"
    return f"{name} {_lives(facts, phase)}"


def _ended(facts: Facts) -> str:
    node = facts["node"]
    code, phase = node["code"], node["phase"]
    if code is None:
        return f"was killed while it was {_PHASES.get(str(phase), phase)}: process 1 had no time to say why"
    said = f": {first_sentence(node['reason'])}" if node["reason"] else ""
    if phase == Phase.FAILED:
        return f"failed with exit code {code}{said}"
    return f"ended at {clock(node['since'])} with exit code {code}{said}"


_PHASES = {
    Phase.PREFLIGHT.value: "checking its settings",
    Phase.PREPARING.value: "being prepared",
    Phase.STARTING.value: "starting",
    Phase.UP.value: "up",
    Phase.HELD.value: "held",
    Phase.STOPPING.value: "stopping",
    Phase.KILLING.value: "stopping, by force",
    Phase.STOPPED.value: "stopped",
    Phase.FAILED.value: "ending, because it failed",
}


def _lives(facts: Facts, phase: str) -> str:
    node = facts["node"]
    what, since = _PHASES.get(phase, phase), clock(node["since"])
    if node["doing"] and phase == Phase.PREPARING:
        return f"is {node['doing']}{_for(node['doing_seconds'])}"
    if phase == Phase.UP:
        return _up(facts, since)
    if phase == Phase.FAILED:
        return f"is {what}: {first_sentence(node['reason'])}" if node["reason"] else f"is {what}"
    if phase == Phase.HELD:
        done = "not configured, and" if node["reason"] else "configured, but"
        return f"is held since {since}: {done} Octopus.Server isn't started"
    doing = f" ({node['doing']})" if node["doing"] else ""
    tasks = f", {tasks_left(facts)}" if phase == Phase.STOPPING and facts["tasks"] else ""
    return f"is {what}{doing} since {since}{tasks}"


def _up(facts: Facts, since: str) -> str:
    server, ping, drain = facts["server"], facts["ping"], facts["drain"]
    if server is not None and server["is_suspended"]:
        return f"is up since {since}, but Octopus.Server is suspended by a signal"
    if drain["in_force"]:
        asked = f" since {clock(drain['since'])}" if drain["since"] else ""
        if facts["tasks"] == []:
            return f"is drained{asked}"
        return f"is draining{asked}, {tasks_left(facts)}"
    if ping is not None and not 200 <= ping["status"] <= 299:
        way = f"answers with {ping['status']}" if ping["status"] else "doesn't answer"
        return f"is up since {since}, but Octopus.Server {way}"
    if server is not None and ping is None:
        return f"is up since {since}; whether Octopus.Server answers can't be told"
    return f"is up since {since}"


def first_sentence(text: str) -> str:
    """Return the first sentence of a reason: what comes after it is what to do."""
    line = text.strip().partition("\n")[0]
    return line.partition(". ")[0].removesuffix(".")


def tasks_left(facts: Facts) -> str:
    """Return how many tasks are still to be waited for."""
    tasks = facts["tasks"]
    if tasks is None:
        return "how many tasks are left can't be told"
    return "1 task left" if len(tasks) == 1 else f"{len(tasks)} tasks left"


def _for(seconds: float | None) -> str:
    return "" if seconds is None else f" for {duration(seconds)}"


def duration(seconds: float) -> str:
    """Return seconds as people say them, in two parts at most: `42 s`, `8 min 20 s`, `3 h 5 min`, `2 d 4 h`."""
    whole = max(round(seconds), 0)
    parts = ((whole // 86400, "d"), (whole // 3600 % 24, "h"), (whole // 60 % 60, "min"), (whole % 60, "s"))
    first = next((at for at, (count, _) in enumerate(parts) if count), len(parts) - 1)
    return " ".join(f"{count} {unit}" for at, (count, unit) in enumerate(parts[first : first + 2]) if count or not at)


def clock(moment: str | None) -> str:
    """Return a time of the schema as a clock shows it here, with its day if that isn't today's."""
    if moment is None:
        return "an unknown time"
    local = datetime.datetime.fromisoformat(moment).astimezone()
    is_recent = time.time() - local.timestamp() < _DAY / 2
    return local.strftime("%H:%M" if is_recent else "%Y-%m-%d %H:%M")
