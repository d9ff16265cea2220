"""What a check found: passed, warned, failed or not known, in a sentence that says what to do."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode


class Result(StrEnum):
    """How a check went, in the order in which people want to read them: the worst last."""

    PASSED = "passed"
    UNKNOWN = "unknown"
    WARNED = "warned"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes: `topic`, what was looked at, a word or two; `sentence`, what was seen there and what to do about it;
    `code`, the exit code that a start would end with for it (DONE, unless it failed).
    """

    topic: str
    result: Result
    sentence: str
    code: ExitCode = ExitCode.DONE


def passed(topic: str, sentence: str) -> Finding:
    """Return that all is well."""
    return Finding(topic, Result.PASSED, sentence)


def unknown(topic: str, sentence: str) -> Finding:
    """Return that it can't be told here, and why."""
    return Finding(topic, Result.UNKNOWN, sentence)


def warned(topic: str, sentence: str) -> Finding:
    """Return that a node would start, and something is probably not meant."""
    return Finding(topic, Result.WARNED, sentence)


def failed(topic: str, code: ExitCode, sentence: str) -> Finding:
    """Return that a start would end with `code`, or Octopus.Server would refuse to work."""
    return Finding(topic, Result.FAILED, sentence, code)


def of_error(topic: str, error: NodeError) -> list[Finding]:
    """Return what `error` says, a finding for each of its sentences."""
    return [failed(topic, error.code, sentence) for sentence in error.sentences]


# what ends a start before SQL Server is asked
_PREFLIGHT = {"agreement", "settings", "files", "docker", "volumes"}


def worst(found: Iterable[Finding]) -> ExitCode:
    """Return the code that a start would end with: the lowest of those that come first; DONE if nothing failed."""
    problems = [finding for finding in found if finding.result is Result.FAILED]
    first = [finding for finding in problems if finding.topic in _PREFLIGHT]
    return min((finding.code for finding in first or problems), default=ExitCode.DONE)


def closing(found: list[Finding]) -> str:
    """Return the last line: how many problems and warnings, and what that means for a start."""
    code = worst(found)
    problems, warnings = (
        sum(finding.result is result for finding in found) for result in (Result.FAILED, Result.WARNED)
    )
    means = (
        f"this node wouldn't start (exit code {code:d}); `octo-node explain {code:d}` says more"
        if code
        else "this node would start"
    )
    return f"{_count(problems, 'problem')}, {_count(warnings, 'warning')}: {means}."


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
