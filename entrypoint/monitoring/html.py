"""HTML as a tree of elements: whatever text goes into it is escaped when it is written."""

from xml.etree import ElementTree as ET


Element = ET.Element


def tag(name: str, /, *content: "str | Element | None", **attributes: object) -> Element:
    """Return an element with `content`, its texts and elements in their order; None is left out.

    An attribute `class_` is `class`, `_` in other names is `-`; None leaves it out, True gives it no value.
    """
    given = {
        key.rstrip("_").replace("_", "-"): "" if value is True else str(value)
        for key, value in attributes.items()
        if value is not None and value is not False
    }
    element = ET.Element(name, given)
    for part in content:
        if isinstance(part, str):
            _append_text(element, part)
        elif part is not None:
            element.append(part)
    return element


def document(root: Element) -> bytes:
    """Return a whole HTML document."""
    text: bytes = ET.tostring(root, encoding="utf-8", method="html")
    return b"<!DOCTYPE html>\n" + text


def _append_text(element: Element, text: str) -> None:
    text = "".join(c if c.isprintable() or c == "\n" else "�" for c in text)
    if len(element):
        last = element[-1]
        last.tail = (last.tail or "") + text
    else:
        element.text = (element.text or "") + text
