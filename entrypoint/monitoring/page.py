"""The page for people: what `octo-node status` shows, as HTML. Without its script it loads itself again."""

from . import panels
from .html import Element, document, tag
from .snapshot import Snapshot


RELOAD_SECONDS = 10  # without the script, which looks every 5


def render(snapshot: Snapshot) -> bytes:
    """Return the page that shows `snapshot`."""
    return document(tag("html", _head(snapshot), _body(snapshot), lang="en"))


def _head(snapshot: Snapshot) -> Element:
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{snapshot.name}: {word(snapshot)}"),
        tag("link", rel="icon", href="data:,"),
        tag("link", rel="stylesheet", href="style.css"),
        tag("script", src="page.js", defer=True),
        tag("noscript", _reload()),
    )


def _reload() -> Element:
    element = tag("meta", content=str(RELOAD_SECONDS))
    element.set("http-equiv", "refresh")
    return element


def _body(snapshot: Snapshot) -> Element:
    return tag(
        "body",
        tag("a", "To the content", href="#content", class_="skip"),
        tag(
            "header",
            tag("h1", snapshot.name, tag("span", word(snapshot), class_="badge", data_phase=_kind(snapshot))),
            tag("p", summary(snapshot), id="summary", role="status"),
            tag("p", id="trouble", role="alert", hidden=True),
        ),
        tag("main", *panels.all_of(snapshot), id="content", tabindex="-1"),
        tag(
            "footer",
            tag(
                "p",
                f"octo-node {snapshot.version}. ",
                tag("a", "Metrics", href="metrics"),
                ", and for probes ",
                tag("a", "livez", href="livez"),
                ", ",
                tag("a", "readyz", href="readyz"),
                ", ",
                tag("a", "startupz", href="startupz"),
                ".",
            ),
        ),
    )


def summary(snapshot: Snapshot) -> str:
    """Return where the node is, in one sentence; that of the facts if they are of the same phase."""
    told = snapshot.facts.get("summary")
    is_of_now = snapshot.part("node").get("phase") == snapshot.phase
    return str(told) if told and is_of_now else f"{snapshot.sentence[:1].upper()}{snapshot.sentence[1:]}"


def word(snapshot: Snapshot) -> str:
    """Return where the node is, in one word: its phase, or that it drains or is drained."""
    if snapshot.phase != "up" or not _is_drained(snapshot):
        return snapshot.phase
    return "draining" if snapshot.items("tasks") else "drained"


def _is_drained(snapshot: Snapshot) -> bool:
    drain = snapshot.part("drain")
    return bool(drain.get("wanted") or drain.get("in_force"))


def _kind(snapshot: Snapshot) -> str:
    """Return the kind of the phase, for its colour: good, busy or bad."""
    if not snapshot.is_live or snapshot.phase in {"failed", "killing"}:
        return "bad"
    return "good" if snapshot.phase == "up" and not _is_drained(snapshot) else "busy"
