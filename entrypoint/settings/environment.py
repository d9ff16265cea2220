"""The environment of a process: the text of each variable, its own or that of the file that NAME_FILE names.

Made once, at the door. Below it nobody sees the environment, but only what the two readers make of it:
`base_settings.py` for every process, `configuration.py` for those that may import libraries.
"""

from entrypoint.base import redact

from . import secrets_memfd
from .variables import BY_NAME


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


SECONDS_DIGITS = 7  # before the point, of a number of seconds


class UnreadableError(ValueError):
    """A NAME_FILE that can't give the value; the message is a finished sentence. Attribute: `path`, the file's."""

    def __init__(self, sentence: str, path: str = "") -> None:
        super().__init__(sentence)
        self.path = path


class Environment:
    """What the mapping `environ` and the inherited secrets say.

    Attributes: `public`, what may be handed on to children: no secret is in it; `descriptor`, the inherited one that
    holds the secrets (None: there is none), and `learnt`, that for secrets that are learnt.
    """

    __slots__ = ("_contents", "_problems", "_texts", "descriptor", "learnt", "public")

    def __init__(self, environ: "Mapping[str, str]") -> None:
        self.descriptor = secrets_memfd.descriptor(environ.get(secrets_memfd.DESCRIPTOR, ""))
        self.learnt = secrets_memfd.learnt_descriptor(environ.get(secrets_memfd.LEARNT, ""))
        numbers = {secrets_memfd.DESCRIPTOR, secrets_memfd.LEARNT}
        self._texts = {k: v for k, v in environ.items() if k not in numbers} | secrets_memfd.unpack(self.descriptor)
        self.public, _ = secrets_memfd.split(self._texts)
        self._contents: dict[str, bytes] = {}
        self._problems: dict[str, str] = {}

    def names(self) -> list[str]:
        """Return the names of all variables that are set, octo-node's or not."""
        return list(self._texts)

    def described(self) -> list[str]:
        """Return what is set, a line each, without a secret: of variables that aren't octo-node's only the names."""
        return [f"{name}={self._shown(name)}" for name in sorted(self._texts)]

    def _shown(self, name: str) -> str:
        variable = BY_NAME.get(name)
        if variable is None and name.removesuffix("_FILE") not in BY_NAME:
            return "(not octo-node's)"
        return redact.MASK if variable is not None and variable.secret else self._texts[name]

    def is_given(self, name: str) -> bool:
        """Return whether `name` has a value that isn't empty, here or in a file."""
        return bool(self._texts.get(name) or self._texts.get(f"{name}_FILE"))

    def lookup(self, name: str) -> str | None:
        """Return the value of variable `name`; None if it isn't set: an empty value means not set.

        The files are read once, all of them at the first question for one: a Secret that changes while prepare waits
        must not mean two databases. Raise UnreadableError if one can't be read or is empty, or if both are given.
        """
        value = self._texts.get(name) or None
        path = self._texts.get(f"{name}_FILE") or None
        if path is None:
            return value
        if value is not None:
            raise UnreadableError(f"{name} and {name}_FILE are both set: keep one of them.")
        self.read_files()
        return self._content(name, path)

    def text(self, name: str) -> str:
        """Return the value of `name`, or its default where it isn't set or can't be read (preflight reports that)."""
        try:
            return self.lookup(name) or BY_NAME[name].default
        except UnreadableError:
            return BY_NAME[name].default

    def seconds(self, name: str) -> float:
        """Return the value of `name` in seconds, its default where it is none; 0 if it has no default either."""
        for text in (self.text(name), BY_NAME[name].default):
            digits, _, _ = text.partition(".")
            # as many as preflight takes: process 1 couldn't wait for infinity
            if text.isascii() and text.replace(".", "", 1).isdigit() and len(digits) <= SECONDS_DIGITS:
                return float(text)
        return 0.0

    def read_files(self, seconds: float | None = None) -> None:
        """Read every NAME_FILE, once, within `seconds`; call it at the start of a process that lives long."""
        named = {self._texts.get(f"{name}_FILE") or "" for name in BY_NAME} - {""}
        if not named or self._contents or self._problems:
            return
        from entrypoint.base import files  # noqa: PLC0415 - for process 1, where nothing names a file

        self._contents, self._problems = files.read(named, seconds)

    def _content(self, name: str, path: str) -> str:
        if path in self._problems:
            raise UnreadableError(f"The file that {name}_FILE names, {path}, {self._problems[path]}.", path)
        text = self._contents[path].decode("utf-8", "surrogateescape").removesuffix("\n")
        if not text.strip():
            raise UnreadableError(
                f"The file that {name}_FILE names, {path}, is empty: put the value into it, or unset {name}_FILE."
            )
        return text
