"""Variables that this image does not read: misspelt ones and those of other images, and which one was meant."""

import difflib
from collections.abc import Callable, Iterable, Iterator

from . import secrets_memfd
from .variables import BY_NAME


# In lower case, without `_`, "license" with an s. The Windows image's: OctopusDeploy/Octopus-Docker,
# Server/Scripts/configure.ps1; octopusdeploy/linuxoctopus's: OctopusSolutionsEngineering/OctopusTerraformTestFramework.
_PREDECESSORS = {
    "sqldbconnectionstring": "DB_CONNECTION_STRING",
    "octopusadminusername": "ADMIN_USERNAME",
    "octopusadminpassword": "ADMIN_PASSWORD",
    "octopusadminemail": "ADMIN_EMAIL",
    "servernodename": "OCTOPUS_SERVER_NODE_NAME",
    "licensebase64": "OCTOPUS_SERVER_BASE64_LICENSE",
    "octopuslicensebase64": "OCTOPUS_SERVER_BASE64_LICENSE",
    "octopusserverlicensebase64": "OCTOPUS_SERVER_BASE64_LICENSE",
    "connstring": "DB_CONNECTION_STRING",
}
_WITHOUT_SUCCESSOR = {
    "createdb": "a database that isn't there is made",
    "enablemetrics": "this image has no variable for it",
}


_KNOWN = [*BY_NAME, *(f"{name}_FILE" for name in BY_NAME), secrets_memfd.DESCRIPTOR]


def warnings(names: Iterable[str], is_given: Callable[[str], bool]) -> Iterator[str]:
    """Yield a sentence for each of `names` that is another image's, or looks like a misspelt one.

    `is_given` tells whether a variable of this image has a value.
    """
    for name in names:
        if name not in _KNOWN and (sentence := _warning(name, is_given)):
            yield sentence


def _warning(name: str, is_given: Callable[[str], bool]) -> str | None:
    if reason := _WITHOUT_SUCCESSOR.get(_plain(name)):
        return f"{shown(name)} isn't read by this image: {reason}."
    if near := _near(name):
        return f"{shown(name)} isn't a variable of this image: did you mean {near}?"
    if successor := _successor(name):
        advice = f"{successor}, which is set and counts" if is_given(successor) else f"{successor}: rename it"
        return f"{shown(name)} isn't read by this image. Its name here is {advice}."
    return None


def instead_of(wanted: str, names: Iterable[str]) -> str:
    """Return a sentence, after a blank, on which of `names` is set in place of `wanted`; nothing if none is."""
    found = [name for name in names if name not in _KNOWN and wanted in {_near(name), _successor(name)}]
    return f" {shown(found[0])}, which is set, isn't read by this image: its name here is {wanted}." if found else ""


def shown(name: str) -> str:
    """Return a name as a message shows it: one with characters that nobody sees is quoted, and they are spelt out."""
    return name if name.isprintable() else repr(name)


def _plain(name: str) -> str:
    """Return a name without what its spellings differ by."""
    return name.replace("_", "").lower().replace("licence", "license")


_BY_PLAIN_NAME = {_plain(name): name for name in _KNOWN} | _PREDECESSORS


def _successor(name: str) -> str | None:
    """Return the variable that has the job of `name` here: another image's, or one in other letters."""
    return _BY_PLAIN_NAME.get(_plain(name))


def _near(name: str) -> str | None:
    """Return the variable that `name` was probably meant to be: one letter off, or one that starts like ours."""
    if name.startswith("OCTO_NODE_"):
        return next(iter(difflib.get_close_matches(name, _KNOWN, n=1, cutoff=0)))
    return next((other for other in _KNOWN if _one_letter_off(name, other)), None)


def _one_letter_off(one: str, other: str) -> bool:
    """Return whether one letter is missing, too many, another, or changed places with its neighbour."""
    if len(one) > len(other):
        one, other = other, one
    i = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
    if len(one) < len(other):
        return one[i:] == other[i + 1 :]
    swapped = one[i : i + 2] == other[i : i + 2][::-1] and one[i + 2 :] == other[i + 2 :]
    return one[i + 1 :] == other[i + 1 :] or swapped
