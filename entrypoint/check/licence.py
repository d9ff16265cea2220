"""What a licence says: until when it is valid, and for how many nodes.

Elements are found by their names, which the makers' documentation and support threads show (`ValidTo`, `NodeLimit`);
one that isn't there tells nothing.
"""

import base64
import datetime
import re
from collections.abc import Iterator
from xml.etree import ElementTree

from .findings import Finding, passed, unknown, warned


SOON = datetime.timedelta(days=30)
_ELEMENT = re.compile(r"\{.*\}")  # a namespace


class Licence:
    """A licence; `ends` and `nodes` are None where it doesn't say, or has no limit."""

    def __init__(self, xml: str) -> None:
        """Read it. Raise ValueError if it is no XML."""
        try:
            root = ElementTree.fromstring(xml)  # noqa: S314 - the operator's own, or Octopus's
        except ElementTree.ParseError as error:
            raise ValueError("it is no XML") from error
        texts = {_ELEMENT.sub("", element.tag).lower(): (element.text or "").strip() for element in root.iter()}
        self.ends = _date(texts.get("validto", ""))
        limit = texts.get("nodelimit", "")
        self.nodes = int(limit) if limit.isdecimal() and len(limit) < 6 else None


def _date(text: str) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(text[:10])
    except ValueError:
        return None


def look(given: str | None, stored: str | None, nodes: int | None) -> Iterator[Finding]:
    """Look at the licence: the base64 that is `given`, or the XML `stored` in the database.

    `nodes` are alive, this one among them (None: unknown).
    """
    text = base64.b64decode(given).decode("utf-8", "replace") if given else stored
    if not text:
        yield unknown("licence", "No licence is given, and the database shows none: see Configuration, License.")
        return
    try:
        licence = Licence(text)
    except ValueError as error:
        yield unknown("licence", f"The licence can't be read: {error}.")
        return
    problems = [*_expiry(licence), *_limit(licence, nodes)]
    yield from problems
    if not problems:
        ends = f"is valid until {licence.ends}" if licence.ends else "doesn't say until when it is valid"
        most = "" if licence.nodes is None else f", for {_count(licence.nodes)}"
        yield passed("licence", f"The licence {ends}{most}.")


def _expiry(licence: Licence) -> Iterator[Finding]:
    if licence.ends is None:
        return
    left = licence.ends - datetime.datetime.now(datetime.UTC).date()
    if left < datetime.timedelta():
        sentence = "Octopus may refuse to deploy, and to be upgraded"
        yield warned("licence", f"The licence was valid until {licence.ends}: {sentence}. Renew it.")
    elif left < SOON:
        yield warned("licence", f"The licence is valid until {licence.ends}, {left.days} days from now: renew it.")


def _limit(licence: Licence, nodes: int | None) -> Iterator[Finding]:
    if licence.nodes is not None and nodes is not None and nodes > licence.nodes:
        yield warned(
            "licence",
            f"The licence is for {_count(licence.nodes)}, and with this one {nodes} are alive: Octopus then blocks "
            "deployments. Stop a node, or get a licence for more.",
        )


def _count(nodes: int) -> str:
    return f"{nodes} node{'' if nodes == 1 else 's'}"
