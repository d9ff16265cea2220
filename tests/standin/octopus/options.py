"""Command-line options as the real one reads them: any case, `--name value` and `--name=value`."""

from collections.abc import Iterable, Iterator, Sequence

from .failures import ControlledFailureError


class Options:
    """The options that were given, by lower-case name."""

    def __init__(self, given: dict[str, str]) -> None:
        self._given = given

    def get(self, name: str, default: str = "") -> str:
        """The value of an option."""
        return self._given.get(name.lower(), default)

    def has(self, name: str) -> bool:
        """Whether an option was given."""
        return name.lower() in self._given

    def items(self) -> Iterable[tuple[str, str]]:
        """All options, for verbs that just keep them."""
        return self._given.items()


def parse(words: Sequence[str], specification: str) -> Options:
    """Read words by a specification such as `create masterKey= user|username=`; refuse what isn't in it."""
    known = dict(_names(specification))
    given: dict[str, str] = {}
    unknown: list[str] = []
    rest = iter(words)
    for word in rest:
        name, equals, value = word.lstrip("-").partition("=")
        if not word.startswith("-") or name.lower() not in known:
            unknown.append(word)
            continue
        canonical, wants_value = known[name.lower()]
        if wants_value and not equals:
            value = next(rest, None) or _missing(name)
        given[canonical] = value if wants_value or equals else "true"
    if unknown:
        raise ControlledFailureError(f"Unrecognized command line arguments: {' '.join(unknown)}")
    return Options(given)


def described(specification: str) -> str:
    """The options of a verb as help text."""
    lines = (f"      --{word.replace('=', '=VALUE').replace('|', ', --')}" for word in sorted(specification.split()))
    return "\n".join(lines)


def _names(specification: str) -> Iterator[tuple[str, tuple[str, bool]]]:
    """Each spelling of an option with its first spelling and whether it wants a value."""
    for word in specification.split():
        spellings = word.rstrip("=").lower().split("|")
        for spelling in spellings:
            yield spelling, (spellings[0], word.endswith("="))


def _missing(name: str) -> str:
    """Refuse an option without its value."""
    raise ControlledFailureError(f"Missing required value for option '--{name}'.")
