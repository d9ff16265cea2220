"""Defects that editors, --env-file and Compose leave in a value: quotes, Windows line ends, invisible characters."""

import unicodedata


_QUOTES = {('"', '"'), ("'", "'"), ("`", "`"), ("\u201c", "\u201d"), ("\u2018", "\u2019"), ("\u201e", "\u201c")}
_INVISIBLE = {"Cc", "Cf", "Zl", "Zp", "Zs"}  # controls, formats such as a byte order mark, separators
_BYTE_ORDER_MARK = "\ufeff"
_SHOWN = 60  # characters of a value
REMOVE_QUOTES = "remove the quotes (a Compose list, --env-file and a file keep them as a part of the value)"


def shown(text: str) -> str:
    """Return a value that is no secret as a message shows it: quoted, invisible characters spelt out, not too long."""
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")


def is_quoted(text: str) -> bool:
    """Return whether `text` begins and ends with quotes that belong together."""
    return len(text) > 1 and (text[0], text[-1]) in _QUOTES


def character_defect(text: str) -> str | None:
    """Return which character `text` can't have where it has it, in words that fit after a name; None if there is none.

    None of the text itself is in the words.
    """
    for position, character in enumerate(text, 1):
        if "\ud800" <= character <= "\udfff":
            return f"isn't valid UTF-8 (character {position}): save it as UTF-8"
    if text.endswith("\r"):
        return (
            f"ends with a carriage return (character {len(text)}), a Windows line ending: save the file with Unix line "
            "endings (LF)"
        )
    for position, character in enumerate(text, 1):
        if character < " " or character == "\x7f":
            return f"has a control character (U+{ord(character):04X}, character {position}): remove it"
    return _at_the_ends(text)


def _at_the_ends(text: str) -> str | None:
    for verb, character, position in (("begins", text[:1], 1), ("ends", text[-1:], len(text))):
        if character and character != " " and unicodedata.category(character) in _INVISIBLE:
            name = unicodedata.name(character, "a control character")
            is_mark = character == _BYTE_ORDER_MARK
            advice = "save the file as UTF-8 without a byte order mark" if is_mark else "remove it"
            return (
                f"{verb} with an invisible character, {name} (U+{ord(character):04X}, character {position}): {advice}"
            )
    return None
